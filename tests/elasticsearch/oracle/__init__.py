"""Elasticsearch's own classes as a test's judge: a Java program that answers a line of JSON for a line of JSON."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.elasticsearch.rig.maven import CACHE, NEWEST_8, jars, javac, jdk_for

JAVA = Path(__file__).parent / "java"


class Oracle:
    """The program ``java/NAME.java``, compiled against the jars of a release and started.

        with Oracle("SearchOracle") as oracle:
            oracle.ask(op="encode_source", version=8841096, body="{}")

    Raises MissingPeerError where there is no JDK or Maven.
    """

    def __init__(self, name: str, version: str = NEWEST_8) -> None:
        source = JAVA / f"{name}.java"
        lib = jars(version)
        sources = b"".join(file.read_bytes() for file in sorted(JAVA.glob("*.java")))
        classes = CACHE / "oracle" / version / f"{name}-{hashlib.sha256(sources).hexdigest()[:16]}"
        if not classes.exists():
            classes.parent.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(dir=classes.parent))
            javac(version, f"{lib}/*:{JAVA}", fresh, source)
            os.rename(fresh, classes)
        command = [str(jdk_for(version) / "java"), "-Xmx512m", "-Des.path.home=.", "-Dlog4j2.disable.jmx=true"]
        self._process = subprocess.Popen(
            [*command, "-cp", f"{classes}:{lib}/*", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def ask(self, **call: Any) -> dict[str, Any]:
        """One call and its answer; an exception that it raised stands below ``error``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        while line := self._process.stdout.readline():
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise RuntimeError("the oracle ended")

    def lines(self) -> list[str]:
        """All that a program prints which asks for nothing: its JSON objects, each with its line end."""
        printed, _ = self._process.communicate()
        return [line for line in printed.splitlines(keepends=True) if line.startswith("{")]

    def close(self) -> None:
        """End the program."""
        if self._process.poll() is None:
            self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
