"""The ``sbcard`` command."""

import locale
import logging
import os
import signal
import sys

from sbcard_core import messages


def _is_chinese() -> bool:
    """Whether the user's shell or Windows says Chinese, where ``SBCARD_LANG`` says nothing."""
    names = ("SBCARD_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    told = next(filter(None, map(os.environ.get, names)), None) or locale.getlocale()[0] or ""
    return told.lower().startswith(("zh", "chinese"))


def main() -> None:
    """Entry point: makes any console safe, speaks the user's language, then runs the command."""
    if _is_chinese():
        messages.use("zh")
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
