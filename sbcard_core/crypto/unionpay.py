"""The ECB MAC of UnionPay terminals (银联 POS 终端 ECB 算法)."""

from typing import Any

from sbcard_core.crypto import bulk, runs
from sbcard_core.crypto.bulk import Keys, Messages, Rows
from sbcard_core.crypto.keys import NO_MAC, Cipher, Key
from sbcard_core.crypto.padding import Padding, pad
from sbcard_core.errors import InvalidValue

_STEP = "crypto.mac.unionpay"


def unionpay_mac(key: Key, message: bytes) -> bytes:
    """UnionPay POS ECB MAC: 8 ASCII hex characters, as field 64 carries them.

    The message is zero-padded and its 8-byte blocks are XORed; the result written as 16 upper-case hex characters;
    the first 8 encrypted, XORed with the last 8, encrypted again; the first 8 hex characters of that are the MAC.
    A double-length key means 3DES.

    Args:
        key: the MAC key, 8 or 16 bytes.
        message: message type to field 63, bitmap included; without TPDU, header and length.

    Raises:
        InvalidValue: an empty message, which no terminal sends.

    Source: 中国银联 POS 终端规范, as published pages quote it.

    Example:
        >>> unionpay_mac(bytes.fromhex("C24A8FB57AA20123"), bytes.fromhex("4D08F434464FE7BF"))
        b'8A9E91B8'
    """
    made: list[bytes] = unionpay_mac_many([key], [message])
    return made[0]


unionpay_ecb_mac = unionpay_mac


def _mixed(message: bytes) -> bytes:
    """XOR of all blocks, as 16 upper-case hex characters."""
    padded, mixed = pad(message, Padding.ZEROS), 0
    for at in range(0, len(padded), 8):
        mixed ^= int.from_bytes(padded[at : at + 8], "big")
    return f"{mixed:016X}".encode("ascii")


def unionpay_mac_many(
    keys: Keys, messages: Messages, offsets: Any = None, *, message_length: int | None = None, workers: int = 1
) -> Rows:
    """:func:`unionpay_mac` of n messages: n × 8 ASCII characters; arguments as for ``cbc_mac_many``.

    Example:
        >>> unionpay_mac_many([bytes(8), bytes(16)], [b"0200", b"0210"]) == [
        ...     unionpay_mac(bytes(8), b"0200"), unionpay_mac(bytes(16), b"0210")]
        True
    """
    batch = bulk.pack(messages, offsets, message_length, step=_STEP)
    if batch.has_empty():
        raise InvalidValue("an empty message has no MAC", step=_STEP)
    _, packed = bulk.pack_keys(keys, batch.count, Cipher.TDES, NO_MAC, step=_STEP)
    count = batch.count
    try:
        texts = b"".join(_mixed(bytes(batch.data[batch.offsets[i] : batch.offsets[i + 1]])) for i in range(count))
        first, second = _halves(texts)
        once = runs.ecb(Cipher.TDES, packed, first, count, workers=workers)
        mixed = int.from_bytes(once, "big") ^ int.from_bytes(second, "big")
        twice = runs.ecb(Cipher.TDES, packed, mixed.to_bytes(8 * count, "big"), count, workers=workers)
    finally:
        packed.wipe()
    text = twice.hex().upper().encode("ascii")
    return bulk.deliver(bytearray(text), 16, 8, batch.form)


def _halves(texts: bytes) -> tuple[bytes, bytes]:
    lanes = memoryview(texts).cast("Q")
    return lanes[0::2].tobytes(), lanes[1::2].tobytes()
