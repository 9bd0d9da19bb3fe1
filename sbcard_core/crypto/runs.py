"""Packed batches through an engine: what every bulk call does between packing and delivering.

Each function takes what :mod:`sbcard_core.crypto.bulk` packed, shares it out to
threads, and returns n whole blocks side by side. The caller wipes the keys.
"""

from typing import Any

from sbcard_core.crypto import bulk, engine
from sbcard_core.crypto.keys import Cipher


def ecb(
    cipher: Cipher, keys: bulk.PackedKeys, blocks: Any, count: int, *, decrypt: bool = False, workers: int = 1
) -> bytearray:
    """One block for each key.

    Example:
        >>> ecb(Cipher.TDES, bulk.PackedKeys(bytes(16), 8), bytes(16), 2).hex().upper()
        '8CA64DE9C1B123A78CA64DE9C1B123A7'
    """
    run, block = engine.of(cipher), cipher.block
    out, view = bytearray(block * count), memoryview(blocks)

    def work(start: int, end: int) -> None:
        run.ecb(
            keys.part(start, end, count), keys.length, view[block * start : block * end], decrypt,
            bulk.room(out, block, start, end),
        )  # fmt: skip

    if count:
        bulk.share(count, workers, engine.LANES[cipher], work)
    return out


def cbc_mac(
    cipher: Cipher, keys: bulk.PackedKeys, ivs: Any, batch: bulk.Batch, padding: int, retail: bool, workers: int
) -> bytearray:
    """The last block of each message's chain; ``ivs`` is one for all or one each.

    Example:
        >>> session = bulk.PackedKeys(bytes.fromhex("9B1D924E05595603"), 8)
        >>> batch = bulk.pack([bytes.fromhex("000000000000100001001122334455")])
        >>> cbc_mac(Cipher.TDES, session, bytes(8), batch, 2, False, 1)[:4].hex().upper()
        '2988AE5A'
    """
    run, block, count = engine.of(cipher), cipher.block, batch.count
    out = bytearray(block * count)

    def work(start: int, end: int) -> None:
        data, offsets = bulk.cut(batch, start, end)
        run.cbc_mac(
            keys.part(start, end, count), keys.length, bulk.sliced(ivs, block, start, end, count), data, offsets,
            padding, retail, bulk.room(out, block, start, end),
        )  # fmt: skip

    if count:
        bulk.share(count, workers, engine.LANES[cipher], work)
    return out
