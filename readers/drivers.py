"""Readers by URL: ``pcsc:``, ``sscard:``, ``sim:``, ``replay:``, and any driver of the entry point group
``sbcard.readers``.

A driver is a callable ``open(rest, *, clock, **options)`` that returns a ``readers.device.Reader``, or a plain
``readers.base.Slot``, which is then given the rest of the contract. One that knows no ``clock`` is called without.
"""

import inspect
import time
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from readers.device import Clock, Reader
from readers.errors import ReaderNotFound
from readers.plain import PlainReader
from sbcard_core.messages import message

GROUP = "sbcard.readers"

BUILT_IN = {
    "pcsc": "readers.pcsc",
    "replay": "readers.transcript",
    "sim": "readers.sim.reader",
    "sscard": "readers.sscard",
}
"""Scheme to module; each has ``open(rest, **options)``."""


def open(url: str, *, clock: Clock = time.monotonic, **options: Any) -> Reader:
    """Open a reader.

    Args:
        url: ``pcsc:`` or ``pcsc:part of the reader's name``; ``sscard:/path/of/the/driver.so``; ``sim:`` or
            ``sim:order.jsonl#3``; ``replay:session.jsonl``; or a scheme of an installed driver.
        clock: monotonic seconds, for time limits.
        options: passed on to the driver; its ``open`` documents them.

    Raises:
        ReaderNotFound: no driver of that scheme, or the driver finds no such reader.
        MissingPart: the driver needs something that is not installed.
        ServiceLost: the PC/SC service does not run.

    Example:
        >>> with open("sim:") as reader:
        ...     reader.is_present()
        False
    """
    scheme, colon, rest = url.partition(":")
    if not colon:
        raise ReaderNotFound(message("readers.url"), step="drivers.open")
    driver = _driver(scheme)
    if _takes_clock(driver):
        options["clock"] = clock
    opened = driver(rest, **options)
    return opened if isinstance(opened, Reader) else PlainReader(opened, clock)


def schemes() -> list[str]:
    """Schemes that can be opened here.

    Example:
        >>> {"pcsc", "replay", "sim", "sscard"} <= set(schemes())
        True
    """
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def _driver(scheme: str) -> Any:
    if scheme in BUILT_IN:
        return import_module(BUILT_IN[scheme]).open
    for point in entry_points(group=GROUP, name=scheme):
        return point.load()
    what = message("readers.scheme.unknown", scheme=scheme, known=", ".join(schemes()))
    raise ReaderNotFound(what, step="drivers.open")


def _takes_clock(driver: Any) -> bool:
    known = inspect.signature(driver).parameters.values()
    return any(one.name == "clock" or one.kind is inspect.Parameter.VAR_KEYWORD for one in known)
