"""AES for host keys: the ``cryptography`` package under the call shapes of the kernels.

No card of the facts uses AES, so it has no kernel: hosts, key files and tokens
do, one message at a time.
"""

from typing import Any

from sbcard_core.crypto.padding import pad


def _cipher(key: Any, iv: Any = None) -> Any:
    from cryptography.hazmat.primitives.ciphers import Cipher, modes  # noqa: PLC0415 - heavy
    from cryptography.hazmat.primitives.ciphers.algorithms import AES  # noqa: PLC0415 - heavy

    return Cipher(AES(bytes(key)), modes.ECB() if iv is None else modes.CBC(bytes(iv)))  # noqa: S305 - one block


def _turn(cipher: Any, decrypt: bool, data: Any) -> bytes:
    made: bytes = (cipher.decryptor() if decrypt else cipher.encryptor()).update(bytes(data))
    return made


def _cut(buffer: Any, width: int, at: int) -> Any:
    """Item ``at`` of a buffer that holds one for all or one each."""
    return buffer if len(buffer) == width else buffer[width * at : width * at + width]


def ecb(keys: Any, key_length: int, data: Any, decrypt: bool, out: Any, _level: str) -> None:
    """Each block by itself; one key, or one per block."""
    if len(keys) == key_length:
        out[:] = _turn(_cipher(keys), decrypt, data)
        return
    for at in range(0, len(data), 16):
        out[at : at + 16] = _turn(_cipher(_cut(keys, key_length, at // 16)), decrypt, data[at : at + 16])


def cbc(keys: Any, key_length: int, ivs: Any, data: Any, offsets: Any, decrypt: bool, out: Any, _level: str) -> None:
    """Each message in a chain."""
    for i in range(len(offsets) - 1):
        start, end = offsets[i], offsets[i + 1]
        out[start:end] = _turn(_cipher(_cut(keys, key_length, i), _cut(ivs, 16, i)), decrypt, data[start:end])


def cbc_mac(keys: Any, key_length: int, iv: Any, data: Any, offsets: Any, padding: int, out: Any, _level: str) -> None:
    """The last block of each chain."""
    for i in range(len(offsets) - 1):
        message = pad(bytes(data[offsets[i] : offsets[i + 1]]), padding, 16)
        chain = _turn(_cipher(_cut(keys, key_length, i), _cut(iv, 16, i)), False, message)
        out[16 * i : 16 * i + 16] = chain[-16:]
