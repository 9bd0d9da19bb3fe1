"""What every command prints, on a terminal, in a log file, and on GBK or ASCII consoles.

Texts may hold what stands in a file or in its name, so control characters never reach the terminal as they are.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

import typer

from sbcard_core.cli.progress import console
from sbcard_core.messages import printable


def say(text: str, style: str | None = None) -> None:
    """Print one line; tabs stay."""
    console.print(_line(text), style=style, markup=False, highlight=False, soft_wrap=True)


def say_json(data: Mapping[str, Any]) -> None:
    """Print one JSON object on one line, with no character that could steer a terminal."""
    text = json.dumps(data, ensure_ascii=False)
    say("".join(mark if mark.isprintable() else json.dumps(mark)[1:-1] for mark in text))


def note(text: str) -> None:
    """Print one line to standard error."""
    sys.stderr.write(f"{_line(text)}\n")
    sys.stderr.flush()


def refuse(error: Exception) -> typer.Exit:
    """Print what was refused; raise what this returns. Exit code 2."""
    note(f"sbcard: {error}")
    return typer.Exit(2)


def _line(text: str) -> str:
    return "\t".join(map(printable, text.split("\t")))
