"""Makes search_samples.jsonl.gz: generic values, indices options, search requests and responses that Elasticsearch's own classes wrote.

python -m tests.vectors.make_search_samples
"""

from __future__ import annotations

import gzip
from pathlib import Path

from tests.elasticsearch.oracle import Oracle

OUT = Path(__file__).parent / "search_samples.jsonl.gz"


def main() -> None:
    with Oracle("SearchSamples") as samples:
        lines = samples.lines()
    OUT.write_bytes(gzip.compress("".join(lines).encode(), mtime=0))
    print(len(lines), "samples,", OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
