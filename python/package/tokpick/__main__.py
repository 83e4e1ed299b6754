"""The program ``tokpick``."""

import signal
import sys

from . import _tokpick


def main() -> int:
    """Runs the program on the words of the command line."""
    # as programs end: at once by Ctrl-C
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _tokpick.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
