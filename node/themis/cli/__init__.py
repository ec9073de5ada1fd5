"""The `themis` command: reads the command line, talks to a person, leaves the work to the layers below."""

import sys
from typing import Final

INTERRUPTED_STATUS: Final = 130


def main() -> None:
    """Run the command line of this process. Ctrl-C ends it without a word, also while the rest is loaded."""
    try:
        from themis.cli.program import run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:
        status = INTERRUPTED_STATUS
    sys.exit(status)
