"""`make bench`: gas of every path, latency and throughput of a node, time of an inference and of a trace. It stores."""

import sys

from benchmarks import inference, requests, traces
from contracts import gas

if __name__ == "__main__":
    sys.exit(gas.main() or requests.main() or inference.main() or traces.main())
