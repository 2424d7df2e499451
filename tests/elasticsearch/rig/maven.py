"""The jars of real Elasticsearch nodes, fetched with Maven when the tests run, and the JDKs that start them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("RCGATEWAY_TEST_CACHE", Path.home() / ".cache" / "rcgateway-tests"))
"""Jars and homes of nodes: fetched once, used by every run."""

NEWEST_8, NEWEST_9 = "8.19.21", "9.5.3"
ESQL = "esql"
"""The profile of the POM with ES|QL, all of which Maven Central has at NEWEST_8 alone."""
FETCH_SECONDS = 900


class MissingPeerError(Exception):
    """Says what a real node needs and this machine lacks."""


@cache
def jdk(minimum: int, maximum: int = 999) -> Path:
    """The ``bin`` folder of an installed JDK whose major version is in range."""
    homes = [Path(home) for home in (os.environ.get("JAVA_HOME"),) if home] + sorted(Path("/usr/lib/jvm").glob("*"))
    for home in homes:
        release = home / "release"
        if not release.exists() or not (home / "bin" / "javac").exists():
            continue
        found = re.search(r'JAVA_VERSION="(\d+)', release.read_text())
        if found and minimum <= int(found[1]) <= maximum:
            return home / "bin"
    raise MissingPeerError(f"no JDK from {minimum} to {maximum} in JAVA_HOME or below /usr/lib/jvm")


def jdk_for(version: str) -> Path:
    """8.x runs on 17 as it ships; 9.x needs 21 or newer."""
    return jdk(17, 17) if version.startswith("8.") else jdk(21)


@cache
def jars(version: str, profile: str | None = None) -> Path:
    """A folder with the jars of a node of that version, security included, and with those of a profile. Needs Maven at the first call."""
    target = CACHE / "jars" / (version if profile is None else f"{version}-{profile}")
    complete = target / ".complete"
    if complete.exists():
        return target
    if shutil.which("mvn") is None:
        raise MissingPeerError("no Maven (mvn) on the path, and the jars are not there yet")
    # mvn prints its failures to standard output, so that is what a failed fetch has to show.
    command = ["mvn", "-B", "-q", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
    options = [f"-Des.version={version}", f"-DoutputDirectory={target}"]
    options += [] if profile is None else [f"-P{profile}"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
    if done.returncode:
        raise MissingPeerError(f"mvn could not fetch Elasticsearch {target.name}: {done.stdout[-2000:]}")
    complete.touch()
    return target


def javac(version: str, class_path: str, out: Path, *sources: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    command = [str(jdk_for(version) / "javac"), "-nowarn", "-Xlint:-unchecked", "-cp", class_path, "-d", str(out)]
    subprocess.run([*command, *map(str, sources)], check=True, timeout=300)
