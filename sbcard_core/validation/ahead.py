"""A source whose next blocks are read, and their numbers made keys, by a thread beside the one that uses them."""

import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from sbcard_core.validation.blocks import Digest, Records, Source
from sbcard_core.validation.spec import RecordSpec

AHEAD = 4
"""Blocks that may wait; it bounds the memory."""

_TURN = 0.1
"""Seconds between looks whether anybody still reads."""


class ReadAhead:
    """A source read ahead; it gives the same blocks in the same order, and the same errors in their place.

    Args:
        source: the source.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def name(self) -> str:
        """The source's name."""
        return self._source.name

    def blocks(self, spec: RecordSpec, *, digest: Digest | None = None) -> Iterator[Records]:
        """See :class:`~sbcard_core.validation.blocks.Source`."""
        waiting: queue.Queue[Any] = queue.Queue(AHEAD)
        left = threading.Event()

        def put(found: Any) -> None:
            placed = False
            while not placed and not left.is_set():
                with suppress(queue.Full):
                    waiting.put(found, timeout=_TURN)
                    placed = True

        def read() -> None:
            try:
                for block in self._source.blocks(spec, digest=digest):
                    _prepare(block, spec)
                    put(block)
                    if left.is_set():
                        return
            except BaseException as error:  # raised where the block would have come
                put(error)
                return
            put(None)

        thread = threading.Thread(target=read, name="sbcard-read-ahead", daemon=True)
        thread.start()
        try:
            while (found := waiting.get()) is not None:
                if isinstance(found, BaseException):
                    raise found
                yield found
        finally:
            left.set()
            thread.join()


def _prepare(block: Records, spec: RecordSpec) -> None:
    """Have the keys of the block's numbers made, which it keeps."""
    make = getattr(block, "number_keys", None)
    if make is not None and block.layout is not None and len(block):
        column = block.layout.order[spec.index("id_number")]
        if column >= 0:
            make(column)
