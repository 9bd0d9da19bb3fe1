"""What every command says, on a terminal, in a log file, and on GBK or ASCII consoles."""

import sys

import typer

from sbcard_core.cli.progress import console


def say(text: str) -> None:
    """Print text as it is."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def refuse(error: Exception) -> typer.Exit:
    """Say what was refused; raise what this returns. Exit code 2."""
    sys.stderr.write(f"sbcard: {error}\n")
    return typer.Exit(2)
