"""Block ciphers: DES and 3DES by key length, SM4, AES; one message or a batch, ECB or CBC, both directions.

DES is kept because the cards of 1.x and 2.x know nothing else. Any key of 8, 16
or 24 bytes works, weak ones and ones of wrong parity too: blank cards carry them.
"""

from sbcard_core.crypto import bulk, engine, runs
from sbcard_core.crypto.bulk import Keys, Messages, Rows
from sbcard_core.crypto.errors import KeyRefused
from sbcard_core.crypto.keys import NO_CIPHER, Algorithm, Cipher, Key, SecretKey
from sbcard_core.errors import InvalidValue

_STEP = "crypto.cipher"

__all__ = [
    "Algorithm",
    "Cipher",
    "Key",
    "algorithm_of",
    "cbc_decrypt",
    "cbc_encrypt",
    "cbc_many",
    "ecb_decrypt",
    "ecb_encrypt",
    "ecb_many",
]


def algorithm_of(key: Key, algorithm: Cipher | None = None) -> Cipher:
    """Return the algorithm a key is used with; raw bytes are DES or 3DES unless the caller says otherwise."""
    if isinstance(key, SecretKey):
        if algorithm is not None and algorithm is not key.algorithm:
            raise KeyRefused(f"a {key.algorithm.value} key used as {algorithm.value}", step=_STEP)
        return key.algorithm
    return algorithm or Cipher.TDES


def _whole_blocks(data: bytes, block: int) -> None:
    if len(data) % block:
        raise InvalidValue(f"{len(data)} bytes are not a multiple of the {block}-byte block", step=_STEP)


def _ecb(key: Key, data: bytes, cipher: Cipher | None, decrypt: bool) -> bytes:
    cipher, material = bulk.opened(key, cipher, NO_CIPHER, _STEP)
    _whole_blocks(data, cipher.block)
    return engine.ecb(cipher, material, data, decrypt=decrypt)


def ecb_encrypt(key: Key, data: bytes, *, algorithm: Cipher | None = None) -> bytes:
    """Encrypt any number of whole blocks under one key, each by itself (ECB). This is a bulk call.

    Args:
        key: 8/16/24-byte DES key, 16-byte SM4 key, or AES key.
        data: n × block bytes (block 8 for DES, 16 for SM4 and AES).
        algorithm: the cipher of raw key bytes, DES/3DES by default.

    Returns:
        As many bytes as came in.

    Raises:
        InvalidValue: ``data`` is not a whole number of blocks.
        KeyRefused: the key does not fit the algorithm, or is for MACs only.

    Source: GB/T 32907 for SM4; ISO/IEC 18033-3 for 3DES.

    Example:
        >>> plain = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
        >>> ecb_encrypt(plain, plain, algorithm=Algorithm.SM4).hex().upper()
        '681EDF34D206965E86B3E94F536E4246'
    """
    return _ecb(key, data, algorithm, False)


def ecb_decrypt(key: Key, data: bytes, *, algorithm: Cipher | None = None) -> bytes:
    """Decrypt any number of whole blocks, each by itself; the inverse of :func:`ecb_encrypt`.

    Example:
        >>> ecb_decrypt(b"A" * 16, ecb_encrypt(b"A" * 16, b"12345678"))
        b'12345678'
    """
    return _ecb(key, data, algorithm, True)


def _cbc(key: Key, data: bytes, iv: bytes | None, cipher: Cipher | None, decrypt: bool) -> bytes:
    cipher, material = bulk.opened(key, cipher, NO_CIPHER, _STEP)
    _whole_blocks(data, cipher.block)
    start = bytes(cipher.block) if iv is None else iv
    if len(start) != cipher.block:
        raise InvalidValue(f"an IV of {cipher.value} has {cipher.block} bytes", step=_STEP)
    return engine.cbc(cipher, material, start, data, decrypt=decrypt)


def cbc_encrypt(key: Key, data: bytes, iv: bytes | None = None, *, algorithm: Cipher | None = None) -> bytes:
    """Encrypt whole blocks in a chain (CBC), from ``iv`` (zeros by default). No padding is added.

    Raises:
        InvalidValue: ``data`` or ``iv`` has the wrong length.

    Example:
        >>> cbc_encrypt(b"A" * 8, bytes(16))[:8] == ecb_encrypt(b"A" * 8, bytes(8))
        True
    """
    return _cbc(key, data, iv, algorithm, False)


def cbc_decrypt(key: Key, data: bytes, iv: bytes | None = None, *, algorithm: Cipher | None = None) -> bytes:
    """Decrypt a chain; the inverse of :func:`cbc_encrypt`.

    Example:
        >>> cbc_decrypt(b"A" * 8, cbc_encrypt(b"A" * 8, b"twoblocks of 8.."))
        b'twoblocks of 8..'
    """
    return _cbc(key, data, iv, algorithm, True)


def ecb_many(
    keys: Keys, blocks: Messages, *, cipher: Cipher | None = None, decrypt: bool = False, workers: int = 1
) -> Rows:
    """Encrypt or decrypt one block per key.

    Args:
        keys: one ``SecretKey`` for all, n × k bytes, or a sequence of n keys.
        blocks: n blocks: a sequence, a buffer of n × block bytes, or an Arrow array.
        workers: threads.

    Returns:
        n blocks in the form they came in.

    Example:
        >>> ecb_many([bytes(8), bytes(16)], [bytes(8), bytes(8)]) == [ecb_encrypt(bytes(8), bytes(8))] * 2
        True
    """
    asked = cipher or (keys.algorithm if isinstance(keys, SecretKey) else None)
    plain = not isinstance(blocks, list | tuple) and not hasattr(blocks, "__arrow_c_array__")
    batch = bulk.pack(blocks, message_length=(asked or Cipher.TDES).block if plain else None, step=_STEP)
    cipher, packed = bulk.pack_keys(keys, batch.count, cipher, NO_CIPHER, step=_STEP)
    block = cipher.block
    if len(batch.data) != block * batch.count or not batch.all_are(block):
        raise InvalidValue(f"one block of {block} bytes for each key", step=_STEP)
    try:
        out = runs.ecb(cipher, packed, batch.data, batch.count, decrypt=decrypt, workers=workers)
    finally:
        packed.wipe()
    return bulk.deliver(out, block, block, batch.form)


def cbc_many(
    keys: Keys,
    messages: Messages,
    offsets: object = None,
    *,
    message_length: int | None = None,
    ivs: object = None,
    cipher: Cipher | None = None,
    decrypt: bool = False,
    workers: int = 1,
) -> Rows:
    """Encrypt or decrypt messages of whole blocks in chains, each under its own key and from its own IV.

    Args:
        keys: one ``SecretKey`` for all, n × k bytes, or a sequence of n keys.
        messages: see :mod:`sbcard_core.crypto.bulk`.
        ivs: one IV for all or n of them; zeros by default.

    Returns:
        A list of messages for a sequence; else one ``uint8`` array that the same offsets cut.

    Example:
        >>> cbc_many([bytes(8)], [bytes(16)]) == [cbc_encrypt(bytes(8), bytes(16))]
        True
    """
    batch = bulk.pack(messages, offsets, message_length, step=_STEP)
    cipher, packed = bulk.pack_keys(keys, batch.count, cipher, NO_CIPHER, step=_STEP)
    block = cipher.block
    if not batch.is_whole(block):
        raise InvalidValue(f"a message is not a multiple of the {block}-byte block", step=_STEP)
    starts = bulk.pack_blocks(bytes(block) if ivs is None else ivs, block, batch.count, "ivs", step=_STEP)
    out = bytearray(len(batch.data))

    def work(start: int, end: int) -> None:
        data, places = bulk.cut(batch, start, end)
        run.cbc(
            packed.part(start, end, batch.count), packed.length, bulk.sliced(starts, block, start, end, batch.count),
            data, places, decrypt, memoryview(out)[batch.offsets[start] : batch.offsets[end]],
        )  # fmt: skip

    run = engine.of(cipher)
    try:
        if out:
            bulk.share(batch.count, workers, engine.LANES[cipher], work)
    finally:
        packed.wipe()
    if batch.form is bulk.Form.LIST:
        return [bytes(out[batch.offsets[i] : batch.offsets[i + 1]]) for i in range(batch.count)]
    return bulk.deliver(out, 1, 1, bulk.Form.BUFFER).reshape(-1)
