"""Run by ``test_changed_input``: one kernel, called again and again while another thread writes into its input.

Prints how many calls ended well and how many were refused; a kernel that reads or writes outside of its buffers takes
this process down instead.
"""

import sys
import threading
import time
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from sbcard_core import _kernels

COUNT = 20_000
SECONDS = 0.5
_FAR = 1 << 40
_KEPT: list[Any] = []
"""What a column names by its address only."""


def _offsets(width: int) -> Any:
    return np.arange(0, (COUNT + 1) * width, width, dtype=np.int64)


def _uneven() -> Any:
    return np.cumsum(np.concatenate([[0], np.arange(COUNT) % 13])).astype(np.int64)


def cases() -> dict[str, tuple[Any, Callable[[], object], int]]:
    """Name → the array the other thread writes, the call, the value it writes."""
    apdu, level = _kernels.choose("apdu", "portable")
    des, des_level = _kernels.choose("des")
    sm4, sm4_level = _kernels.choose("sm4")
    dedupe, dedupe_level = _kernels.choose("dedupe", "portable")
    screen, screen_level = _kernels.choose("screen")
    even, uneven, data = _offsets(13), _uneven(), bytes(13 * COUNT)
    ne = np.zeros(COUNT, np.int32)
    keys = np.arange(1, 40 * COUNT + 1, dtype=np.uint64)
    marks, moved, starts = bytearray(len(keys)), np.zeros(len(keys), np.uint64), np.zeros(65, np.uint64)
    raw = b"a|b\n" * COUNT
    lines = np.arange(0, 4 * COUNT + 1, 4, dtype=np.uint32)
    chosen, pairs = np.arange(COUNT, dtype=np.int64), np.zeros((COUNT, 2, 2), np.uint32)
    places = np.tile(np.array([0, 3], np.uint32), COUNT)
    column = np.array([2, 0, 0, places.ctypes.data, _address(raw), len(raw), 1, 0], np.uint64)
    _KEPT.extend((raw, places))
    out, macs, tacs, room = (bytearray(size * COUNT) for size in (16, 8, 4, 20))
    return {
        "encode": (uneven, lambda: apdu.encode_many(bytes(4), data, uneven, 0, 0, None, level), _FAR),
        "encode into": (uneven, lambda: apdu.encode_many(bytes(4), data, uneven, 0, 0, room, level), _FAR),
        "encode even": (even, lambda: apdu.encode_many(bytes(4), data, even, 0, 0, None, level), _FAR),
        "encode ne": (ne, lambda: apdu.encode_many(bytes(4), data, even, 0, ne, None, level), 65536),
        "decode": (uneven, lambda: apdu.decode_many(data, uneven, 0, level), _FAR),
        "des": (even, lambda: des.cbc_mac(bytes(16), 16, bytes(8), data, even, 2, True, macs, des_level), _FAR),
        "des uneven": (uneven, lambda: des.tac(bytes(16), bytes(8 * COUNT), data, uneven, tacs, des_level), _FAR),
        "sm4": (even, lambda: sm4.cbc_mac(bytes(16), bytes(16), data, even, 2, out, sm4_level), _FAR),
        "sm4 cbc": (
            (wide := _offsets(16)),
            lambda: sm4.cbc(bytes(16), bytes(16), bytes(16 * COUNT), wide, True, out, sm4_level),
            _FAR,
        ),
        "split": (keys, lambda: dedupe.split(keys, b"seed" * 4, 6, moved, starts, dedupe_level), 7),
        "mark": (keys, lambda: dedupe.mark_repeated(keys, b"seed" * 4, 6, marks, dedupe_level), 7),
        "cut": (lines, lambda: screen.cut(raw, b"|", False, 2, lines, chosen, pairs, screen_level), 1 << 31),
        "cut rows": (chosen, lambda: screen.cut(raw, b"|", False, 2, lines, chosen, pairs, screen_level), _FAR),
        "join": (places, lambda: screen.join(column, COUNT, None, -1, 10, None, screen_level), 1 << 31),
        "join rows": (chosen, lambda: screen.join(column, COUNT, chosen, -1, 10, None, screen_level), _FAR),
    }  # fmt: skip


def _address(raw: bytes) -> int:
    return int(np.frombuffer(raw, np.uint8).ctypes.data)


def main(name: str) -> None:
    """Call one kernel for a second while its input changes."""
    target, call, value = cases()[name]
    right, over = target.copy(), threading.Event()
    wrong = np.array(value).astype(target.dtype)
    middle, last = len(target) // 3, len(target) - 1

    def write() -> None:
        while not over.is_set():
            target[middle:last] = wrong
            target[middle:last] = right[middle:last]

    other = threading.Thread(target=write)
    other.start()
    ended = array("q", [0, 0])
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            call()
            ended[0] += 1
        except ValueError:
            ended[1] += 1
    over.set()
    other.join()
    print(*ended)


if __name__ == "__main__":
    main(sys.argv[1])
