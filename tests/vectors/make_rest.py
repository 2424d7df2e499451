"""Makes rest_answers.jsonl.gz and rest_refusals.jsonl: searches of a real node as they travel and as REST shows them.

    python -m tests.vectors.make_rest

Starts the nodes of tests/elasticsearch, with what they need.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.elasticsearch.rest_answers import answers, line, refusals
from tests.elasticsearch.rig import clusters as rig

HERE = Path(__file__).parent


def write(clusters: rig.Clusters) -> None:
    lines = [json.dumps(line(*answer)) for answer in answers(clusters)]
    (HERE / "rest_answers.jsonl.gz").write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))
    refused = [json.dumps(asdict(refusal)) for refusal in refusals(clusters)]
    (HERE / "rest_refusals.jsonl").write_text("\n".join(refused) + "\n")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextmanager(rig.start)(Path(folder)) as clusters:
        write(clusters)


if __name__ == "__main__":
    main()
