"""Readers by URL: ``sim:``, ``pcsc:NAME``, and any driver of the entry point group ``sbcard.readers``."""

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from readers.base import Slot
from readers.errors import ReaderNotFound

GROUP = "sbcard.readers"

BUILT_IN = {"pcsc": "readers.pcsc", "sim": "readers.sim.reader"}
"""Scheme to module; each has ``open(rest, **options) -> Slot``."""


def open(url: str, **options: Any) -> Slot:
    """Open a reader.

    Args:
        url: ``sim:``, ``sim:order.jsonl#3``, ``pcsc:``, ``pcsc:part of the reader's name``, or a scheme of an
            installed driver.
        options: passed on to the driver.

    Raises:
        ReaderNotFound: no driver of that scheme, or the driver finds no such reader.
        MissingPart: the driver needs something that is not installed.

    Example:
        >>> open("sim:").is_present()
        False
    """
    scheme, colon, rest = url.partition(":")
    if not colon:
        raise ReaderNotFound("a reader URL is scheme:rest", step="drivers.open", advice="e.g. pcsc: or sim:")
    slot: Slot = _driver(scheme)(rest, **options)
    return slot


def schemes() -> list[str]:
    """Schemes that can be opened here.

    Example:
        >>> {"pcsc", "sim"} <= set(schemes())
        True
    """
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def _driver(scheme: str) -> Any:
    if scheme in BUILT_IN:
        return import_module(BUILT_IN[scheme]).open
    for point in entry_points(group=GROUP, name=scheme):
        return point.load()
    raise ReaderNotFound(f"no driver for {scheme}:", step="drivers.open", advice=f"known: {', '.join(schemes())}")
