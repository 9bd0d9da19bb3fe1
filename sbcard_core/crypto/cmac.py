"""CMAC with 3DES, SM4 and AES.

Source: NIST SP 800-38B; ISO/IEC 9797-1 algorithm 5; RFC 4493 for AES.
"""

from array import array
from typing import Any

from sbcard_core.crypto import bulk, engine, runs
from sbcard_core.crypto.bulk import Keys, Messages, Rows
from sbcard_core.crypto.keys import NO_MAC, Cipher, Key
from sbcard_core.crypto.padding import Padding
from sbcard_core.errors import InvalidValue

_STEP = "crypto.mac.cmac"
_REDUCE = {8: 0x1B, 16: 0x87}


def _check(cipher: Cipher, padding: int, iv: object, length: int) -> None:
    if padding != Padding.BIT or iv is not None:
        raise InvalidValue("CMAC has its own padding and no IV", step=_STEP)
    if not 1 <= length <= cipher.block:
        raise InvalidValue(f"a MAC of {length} bytes from a block of {cipher.block}", step=_STEP)


def double(blocks: bytes | bytearray, block: int) -> bytes:
    """Multiply every block by x in its field, without a branch on a secret bit."""
    count = len(blocks) // block
    ones = int.from_bytes((bytes(block - 1) + b"\x01") * count, "big")
    value = int.from_bytes(blocks, "big")
    carry = (value >> (8 * block - 1)) & ones
    shifted = (value ^ (carry << (8 * block - 1))) << 1
    return (shifted ^ carry * _REDUCE[block]).to_bytes(len(blocks), "big")


def cmac(
    key: Key,
    message: bytes,
    *,
    cipher: Cipher | None = None,
    padding: int = Padding.BIT,
    iv: None = None,
    length: int = 8,
) -> bytes:
    """CMAC of one message, an empty one too.

    Args:
        key: 16 or 24 bytes for 3DES; SM4 and AES are named, by the key or by ``cipher``.
        padding, iv: there so that all MACs are called alike; CMAC's own padding and no IV are all it knows.
        length: bytes of the result, 1 … block; the whole block of SM4 and AES is 16.

    Raises:
        KeyRefused: single DES, or a key that does not fit its cipher.

    Example:
        >>> key = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
        >>> cmac(key, b"", cipher=Cipher.AES, length=16).hex().upper()
        'BB1D6929E95937287FA37D129B756746'
    """
    made: list[bytes] = cmac_many([key], [message], cipher=cipher, padding=padding, iv=iv, length=length)
    return made[0]


def cmac_many(
    keys: Keys,
    messages: Messages,
    offsets: Any = None,
    *,
    message_length: int | None = None,
    cipher: Cipher | None = None,
    padding: int = Padding.BIT,
    iv: None = None,
    length: int = 8,
    workers: int = 1,
) -> Rows:
    """:func:`cmac` of n messages; arguments and result as for ``cbc_mac_many``.

    Example:
        >>> cmac_many(bytes(32), [b"a", b"b"], length=4) == [cmac(bytes(16), m, length=4) for m in (b"a", b"b")]
        True
    """
    batch = bulk.pack(messages, offsets, message_length, step=_STEP)
    cipher, packed = bulk.pack_keys(keys, batch.count, cipher, NO_MAC, lengths=(16, 24), step=_STEP)
    block, count = cipher.block, batch.count
    try:
        _check(cipher, padding, iv, length)
        if not count:
            return bulk.deliver(bytearray(), block, length, batch.form)
        run, one_key = engine.of(cipher), len(packed.data) == packed.length
        zeros = bytearray(block * (1 if one_key else count))
        subkeys = bytearray(len(zeros))
        run.ecb(packed.data, packed.length, zeros, False, subkeys)
        ready = _ready(batch, subkeys, block)
        out = runs.cbc_mac(cipher, packed, bytes(block), ready, Padding.ZEROS, False, workers)
    finally:
        packed.wipe()
    return bulk.deliver(out, block, length, batch.form)


def _ready(batch: bulk.Batch, encrypted_zeros: bytearray, block: int) -> bulk.Batch:
    """The messages as whole blocks with the subkey in the last one, so that CBC-MAC alone finishes the work."""
    first = double(encrypted_zeros, block)
    second = double(first, block)
    parts, places, at = [], array("q", [0]), 0
    many = len(first) > block
    for i in range(batch.count):
        message = bytes(batch.data[batch.offsets[i] : batch.offsets[i + 1]])
        key_at = block * i if many else 0
        tail = len(message) % block
        if tail or not message:
            message, subkey = message + b"\x80" + bytes(block - tail - 1), second
        else:
            subkey = first
        last = int.from_bytes(message[-block:], "big") ^ int.from_bytes(subkey[key_at : key_at + block], "big")
        parts += [message[:-block], last.to_bytes(block, "big")]
        at += len(message)
        places.append(at)
    return bulk.Batch(b"".join(parts), places, batch.count, batch.form)
