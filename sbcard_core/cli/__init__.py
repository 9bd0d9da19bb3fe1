"""The ``sbcard`` command."""

import sys


def main() -> None:
    """Entry point: makes any console safe, then runs the command."""
    for stream in (sys.stdout, sys.stderr):
        # A GBK or ASCII console must not end a run because one character has no place in it.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    from sbcard_core.cli.app import app  # noqa: PLC0415 - keeps `import sbcard_core.cli` light

    app()
