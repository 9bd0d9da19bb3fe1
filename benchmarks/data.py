"""The input of every case: random keys, messages and factors from one seed, padded copies for the peers."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np

LENGTH = 48
"""Bytes of one message."""
MASTER = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")


@dataclass(frozen=True, slots=True)
class Rows:
    """``count`` messages of 48 bytes, a 16-byte key and an 8-byte factor for each, all contiguous."""

    count: int
    keys: bytes = field(repr=False)
    factors: bytes = field(repr=False)
    messages: bytes = field(repr=False)

    def padded(self, block: int) -> tuple[bytes, int]:
        """The messages with padding 2 for a block size, and the length of one."""
        tail = np.zeros((self.count, block), np.uint8)
        tail[:, 0] = 0x80
        flat = np.frombuffer(self.messages, np.uint8).reshape(self.count, LENGTH)
        whole = LENGTH + block - LENGTH % block
        return np.ascontiguousarray(np.hstack([flat, tail])[:, :whole]).tobytes(), whole

    def offsets(self) -> "np.typing.NDArray[np.int64]":
        """n + 1 places."""
        return np.arange(0, LENGTH * self.count + 1, LENGTH, dtype=np.int64)


@cache
def rows(count: int) -> Rows:
    """The same rows at every call and in every process."""
    rng = np.random.default_rng(20140731)
    return Rows(count, rng.bytes(16 * count), rng.bytes(8 * count), rng.bytes(LENGTH * count))


def counters(blocks: int) -> bytes:
    """16-byte counter blocks 0, 1, 2, …"""
    made = np.zeros((blocks, 2), ">u8")
    made[:, 1] = np.arange(blocks)
    return made.tobytes()


def spoiled(tacs: bytes) -> bytes:
    """The TACs with one of 1000 changed."""
    table = np.frombuffer(tacs, np.uint8).reshape(-1, 4).copy()
    table[7::1000, 1] ^= 1
    return table.tobytes()
