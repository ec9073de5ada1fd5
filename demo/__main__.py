"""`python -m demo`: the story in plain words, then what to try next; where no terminal reads it, one JSON line instead.

With `--json` that line alone.
"""

import argparse
import json
import sys
import time

from demo import committee, lie
from demo.chains import Kind
from demo.next_steps import suggest
from demo.story import tell
from demo.transcript import Transcript
from themis.core.errors import ThemisError


def main() -> int:
    """Exit status 0 only if the whole story happened."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--chain", type=Kind, choices=list(Kind), default=Kind.ANVIL)
    parser.add_argument("--json", action="store_true", help="print the JSON line only")
    parser.add_argument("--nodes", type=int, choices=[len(committee.NAMES)], help="tell how a committee answers")
    parser.add_argument("--lie", action="store_true", help="tell how a wrong answer is convicted")
    options = parser.parse_args()
    out = Transcript(silent=options.json)
    started = time.monotonic()
    try:
        outcome = lie.tell(out) if options.lie else committee.tell(out) if options.nodes else tell(options.chain, out)
    except ThemisError as error:
        print(f"error[{error.code}]: {error}", file=sys.stderr)
        return error.exit_status or 1
    out.say(f"all of it happened, in {time.monotonic() - started:.1f} s")
    if sys.stdout.isatty() and not options.json:
        suggest(out)
    else:
        print(json.dumps(outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main())
