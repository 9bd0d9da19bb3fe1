"""The ``sbcard`` command."""

import logging
import signal
import sys


def main() -> None:
    """Entry point: makes any console safe, then runs the command."""
    for stream in (sys.stdout, sys.stderr):
        # A GBK or ASCII console must not end a run because one character has no place in it.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    if logging.lastResort is not None:  # a library that is interrupted while it closes a connection logs where
        logging.lastResort.addFilter(lambda record: not (record.exc_info and record.exc_info[0] is KeyboardInterrupt))
    try:
        from sbcard_core.cli.app import app  # noqa: PLC0415 - keeps `import sbcard_core.cli` light

        app()
    except KeyboardInterrupt:  # before the first command began, or while the last one ended
        sys.exit(130)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to break off, and no traceback to show
