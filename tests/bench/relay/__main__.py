"""``python -m tests.bench.relay``: the same as ``python -m tests.bench relay``."""

import sys

from tests.bench.relay.bench import main

main(sys.argv[1:])
