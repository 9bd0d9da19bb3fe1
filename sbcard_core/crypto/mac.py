"""Message authentication codes, one at a time and in batches.

``cbc_mac`` and ``retail_mac`` are ISO/IEC 9797-1 algorithms 1 and 3, ``cmac`` is
NIST SP 800-38B, ``x9_9`` and ``x9_19`` the banks' older forms, ``unionpay_mac``
the ECB MAC of UnionPay terminals. Each has a ``_many`` for batches, which takes
and gives what :mod:`sbcard_core.crypto.bulk` says and runs on the kernels
whatever the lengths; the order is kept.

The speed of the batches holds only where policy allows keys in software: a
PSAM or a security module works one message at a time, see ``crypto.holder``.
"""

import hmac
from typing import Any

from sbcard_core.crypto import bulk, engine, runs
from sbcard_core.crypto.bulk import Keys, Messages, Rows
from sbcard_core.crypto.cmac import cmac, cmac_many
from sbcard_core.crypto.errors import KeyRefused, MacMismatch
from sbcard_core.crypto.keys import NO_MAC, Cipher, Key
from sbcard_core.crypto.padding import Padding, pad, pad_iso2, pad_zero
from sbcard_core.crypto.unionpay import unionpay_ecb_mac, unionpay_mac, unionpay_mac_many
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message as sentence

__all__ = [
    "Cipher",
    "Padding",
    "cbc_mac",
    "cbc_mac_many",
    "cmac",
    "cmac_many",
    "fold_words",
    "pad",
    "pad_iso2",
    "pad_zero",
    "retail_mac",
    "retail_mac_many",
    "unionpay_ecb_mac",
    "unionpay_mac",
    "unionpay_mac_many",
    "verify",
    "x9_9",
    "x9_9_many",
    "x9_19",
    "x9_19_many",
]

_STEP = "crypto.mac"
_ONE_KEY, _TWO_KEYS = (8,), (16,)
_BLOCKS = {8: bytes(8), 16: bytes(16)}


def fold_words(block: bytes | bytearray) -> bytes:
    """XOR the four 4-byte words of a 16-byte block into one, as 3.0 cards shorten an SM4 MAC.

    Source: one public vendor code.

    Example:
        >>> fold_words(bytes.fromhex("D683FD3DA68B7666DC96085D1325B531")).hex().upper()
        'BFBB3637'
    """
    if len(block) != 16:
        raise InvalidValue("only a 16-byte block can be folded", step=_STEP)
    words = [int.from_bytes(block[i : i + 4], "big") for i in range(0, 16, 4)]
    return (words[0] ^ words[1] ^ words[2] ^ words[3]).to_bytes(4, "big")


def _refuse(message: str) -> InvalidValue:
    return InvalidValue(message, step=_STEP)


def _check(padding: int, length: int, block: int, fold: bool) -> None:
    if padding not in (1, 2, 3):
        raise _refuse("padding is 1, 2 or 3")
    if not 1 <= length <= block:
        raise _refuse(f"a MAC of {length} bytes from a block of {block}")
    if fold and (block != 16 or length not in (4, 8)):
        raise _refuse("the fold gives 4 bytes of a 16-byte block only")


def _one(cipher: Cipher, material: Any, message: bytes, iv: bytes | None, padding: int, retail: bool) -> bytes:
    block = 8 if cipher is Cipher.TDES else 16
    if iv is None:
        iv = _BLOCKS[block]
    elif len(iv) != block:
        raise _refuse(f"an IV of {cipher.value} has {block} bytes")
    if type(message) is not bytes:
        message = bulk.flat(message, "message", step=_STEP)  # type: ignore[assignment]
    done: bytes = engine.of(cipher).mac_one(material, message, iv, padding, retail)
    return done


def cbc_mac(
    key: Key,
    message: bytes,
    *,
    cipher: Cipher | None = None,
    padding: int = Padding.BIT,
    iv: bytes | None = None,
    length: int = 8,
    fold: bool = False,
) -> bytes:
    """CBC-MAC: the left ``length`` bytes of the last block of CBC.

    With an 8-byte key and ``length=4`` it is the PBOC MAC of purse and TAC; with 16 or 24 bytes it is full 3DES over
    every block.

    Args:
        key: 8/16/24 bytes for DES and 3DES; an SM4 or AES key as a ``SecretKey``, or with its cipher named.
        message: any length, unpadded.
        cipher: DES/3DES by key length unless the key or the caller says otherwise.
        padding: 1, 2 or 3, see :class:`Padding`.
        iv: one block, zeros by default.
        length: bytes of the result, 1 … block.
        fold: shorten by :func:`fold_words` to 4 bytes (16-byte blocks only) instead of taking the left bytes.

    Raises:
        KeyRefused: the key's length, cipher or usage does not fit.
        InvalidValue: IV, padding or length out of range.

    Source: ISO/IEC 9797-1 algorithm 1; JR/T 0025.

    Example:
        >>> session = bytes.fromhex("9B1D924E05595603")
        >>> cbc_mac(session, bytes.fromhex("000000000000100001001122334455"), length=4).hex().upper()
        '2988AE5A'
    """
    cipher, material = bulk.opened(key, cipher, NO_MAC, _STEP)
    _check(padding, length, cipher.block, fold)
    block = _one(cipher, material, message, iv, padding, False)
    return fold_words(block) if fold else bytes(block[:length])


def retail_mac(
    key: Key,
    message: bytes,
    *,
    cipher: Cipher | None = None,
    padding: int = Padding.BIT,
    iv: bytes | None = None,
    length: int = 8,
) -> bytes:
    """Retail MAC: single DES CBC with the left half, the last block then decrypted right and encrypted left.

    Args:
        key: 16 bytes, two DES keys.
        message, padding, iv, length: as for :func:`cbc_mac`.

    Raises:
        KeyRefused: the key is not a two-key 3DES key.

    Source: ISO/IEC 9797-1 algorithm 3.

    Example:
        >>> key = bytes.fromhex("11223344556677888877665544332211")
        >>> iv, data = bytes.fromhex("1122334455667788"), bytes.fromhex("04D685000411223344")
        >>> retail_mac(key, data, iv=iv).hex().upper()
        'EFFE0A40389BF6A0'
    """
    plain = type(key) is bytes and type(message) is bytes and len(key) == 16
    if plain and cipher is None and iv is None and padding == 2 and 0 < length <= 8:
        # The usual call has nothing left to check: a terminal's MAC costs a third less this way.
        usual: bytes = engine.of(Cipher.TDES).mac_one(key, message, _BLOCKS[8], 2, True)
        return usual[:length]
    cipher, material = bulk.opened(key, cipher, NO_MAC, _STEP)
    if cipher is not Cipher.TDES or len(material) != 16:
        raise KeyRefused(sentence("cards.mac.key"), step=_STEP, term="密钥长度")
    _check(padding, length, 8, False)
    return _one(cipher, material, message, iv, padding, True)[:length]


def _many(
    keys: Keys,
    batch: bulk.Batch,
    cipher: Cipher | None,
    padding: int,
    iv: Any,
    length: int,
    fold: bool,
    lengths: tuple[int, ...],
    retail: bool,
    workers: int,
) -> Rows:
    cipher, packed = bulk.pack_keys(keys, batch.count, cipher, NO_MAC, lengths=lengths, step=_STEP)
    block = cipher.block
    try:
        _check(padding, length, block, fold)
        if retail and cipher is not Cipher.TDES:
            raise KeyRefused(sentence("cards.mac.key"), step=_STEP, term="密钥长度")
        ivs = _BLOCKS[block] if iv is None else bulk.pack_blocks(iv, block, batch.count, "iv", step=_STEP)
        out = runs.cbc_mac(cipher, packed, ivs, batch, padding, retail, workers)
    finally:
        packed.wipe()
    if fold:
        out, block = bytearray(b"").join(fold_words(out[at : at + 16]) for at in range(0, len(out), 16)), 4
    return bulk.deliver(out, block, 4 if fold else length, batch.form)


def cbc_mac_many(
    keys: Keys,
    messages: Messages,
    offsets: Any = None,
    *,
    message_length: int | None = None,
    cipher: Cipher | None = None,
    padding: int = Padding.BIT,
    iv: Any = None,
    length: int = 8,
    fold: bool = False,
    workers: int = 1,
) -> Rows:
    """:func:`cbc_mac` of n messages.

    Args:
        keys: one ``SecretKey`` for all; or one key per message: n × k bytes in one buffer, or a sequence.
        messages: a sequence of bytes, one buffer, or an Arrow array.
        offsets: n + 1 int64 places, for a buffer.
        message_length: the one length of all messages, for a buffer.
        iv: one IV for all or n of them.
        workers: threads; each takes a whole number of kernel passes.

    Returns:
        For a sequence a list of bytes, for a buffer a numpy ``uint8`` array n × length, for Arrow an object that
        Arrow libraries take.

    Raises:
        InvalidValue: the numbers of keys, IVs and messages differ, or the buffer can't be cut.

    Example:
        >>> session = bytes.fromhex("9B1D924E05595603")
        >>> cbc_mac_many(session * 2, [bytes(15), bytes(22)]) == [cbc_mac(session, bytes(n)) for n in (15, 22)]
        True
        >>> cbc_mac_many(session * 2, bytes(30), message_length=15, length=4).shape
        (2, 4)
    """
    batch = bulk.pack(messages, offsets, message_length, step=_STEP)
    return _many(keys, batch, cipher, padding, iv, length, fold, (), False, workers)


def retail_mac_many(
    keys: Keys,
    messages: Messages,
    offsets: Any = None,
    *,
    message_length: int | None = None,
    cipher: Cipher | None = None,
    padding: int = Padding.BIT,
    iv: Any = None,
    length: int = 8,
    workers: int = 1,
) -> Rows:
    """:func:`retail_mac` of n messages; arguments and result as for :func:`cbc_mac_many`.

    Example:
        >>> keys = [bytes(16), b"0123456789abcdef"]
        >>> retail_mac_many(keys, [b"one", b"three"]) == [retail_mac(keys[0], b"one"), retail_mac(keys[1], b"three")]
        True
    """
    batch = bulk.pack(messages, offsets, message_length, step=_STEP)
    return _many(keys, batch, cipher, padding, iv, length, False, _TWO_KEYS, True, workers)


def _some(message: bytes) -> None:
    if not len(message):
        raise _refuse("an empty message has no X9 MAC")


def _single_des(key: Key) -> Key:
    if len(key if isinstance(key, bytes | bytearray | memoryview) else key.buffer()) != 8:
        raise KeyRefused(sentence("cards.mac.single"), step=_STEP, term="密钥长度")
    return key


def x9_9(key: Key, message: bytes, *, iv: bytes | None = None, length: int = 4) -> bytes:
    """ANSI X9.9: CBC-MAC with single DES and zero padding.

    Zeros at the end of a message are not told from padding, so an empty message is refused.

    Example:
        >>> x9_9(bytes.fromhex("0123456789ABCDEF"), b"7654321 Now is the time for ").hex().upper()
        'F1D30F68'
    """
    _some(message)
    return cbc_mac(_single_des(key), message, cipher=Cipher.TDES, padding=Padding.ZEROS, iv=iv, length=length)


def x9_19(key: Key, message: bytes, *, iv: bytes | None = None, length: int = 4) -> bytes:
    """ANSI X9.19: the retail MAC with zero padding (PBOC's retail MAC pads 80 00… and differs).

    Example:
        >>> key = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
        >>> x9_19(key, b"Now is the time for all ").hex().upper()
        'A1C72E74'
    """
    _some(message)
    return retail_mac(key, message, padding=Padding.ZEROS, iv=iv, length=length)


def x9_9_many(keys: Keys, messages: Messages, offsets: Any = None, *, length: int = 4, **how: Any) -> Rows:
    """:func:`x9_9` of n messages; ``how`` as for :func:`cbc_mac_many`.

    Example:
        >>> x9_9_many([bytes(8)], [b"text"]) == [x9_9(bytes(8), b"text")]
        True
    """
    return _x9_many(keys, messages, offsets, length, how, retail=False)


def x9_19_many(keys: Keys, messages: Messages, offsets: Any = None, *, length: int = 4, **how: Any) -> Rows:
    """:func:`x9_19` of n messages; ``how`` as for :func:`retail_mac_many`.

    Example:
        >>> x9_19_many([bytes(16)], [b"text"]) == [x9_19(bytes(16), b"text")]
        True
    """
    return _x9_many(keys, messages, offsets, length, how, retail=True)


def _x9_many(keys: Keys, messages: Messages, offsets: Any, length: int, how: dict[str, Any], *, retail: bool) -> Rows:
    batch = bulk.pack(messages, offsets, how.pop("message_length", None), step=_STEP)
    if batch.has_empty():
        raise _refuse("an empty message has no X9 MAC")
    iv, workers = how.pop("iv", None), how.pop("workers", 1)
    if how:
        raise _refuse(f"no such argument: {', '.join(how)}")
    lengths = _TWO_KEYS if retail else _ONE_KEY
    return _many(keys, batch, Cipher.TDES, Padding.ZEROS, iv, length, False, lengths, retail, workers)


def verify(expected: bytes, received: bytes, *, step: str = "crypto.mac.verify") -> None:
    """Compare two MACs in constant time.

    Raises:
        MacMismatch: they differ, also in length.

    Example:
        >>> verify(b"1234", b"1234")
    """
    if not hmac.compare_digest(expected, received):
        raise MacMismatch(sentence("cards.mac.wrong"), step=step, term="报文鉴别码")
