"""Makes security_local.jsonl.gz: what real local clusters of 8.19.21 and 9.5.3 send for users with various roles, or that they refuse them.

python -m tests.vectors.make_local_security
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path

from tests.elasticsearch.rig.clusters import Clusters, start
from tests.elasticsearch.rig.local_security import record

OUT = Path(__file__).parent / "security_local.jsonl.gz"


def write(clusters: Clusters, out: Path = OUT) -> None:
    rows: Iterable[dict[str, object]] = [
        row for node in clusters.locals.values() for row in record(node, clusters.folder / "certificates")
    ]
    lines = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    out.write_bytes(gzip.compress(lines.encode(), mtime=0))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextmanager(start)(Path(folder)) as clusters:
        write(clusters)


if __name__ == "__main__":
    main()
