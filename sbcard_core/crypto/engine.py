"""The one place that calls ciphers: a kernel per algorithm, chosen once, tested before its first answer.

Everything here works on raw buffers and knows no key objects. Keys are one key
for all items or n keys side by side; the kernel checks the sizes again.
"""

from array import array
from collections.abc import Callable
from threading import Lock
from types import ModuleType
from typing import Any, Final, Protocol

from sbcard_core import _kernels
from sbcard_core.crypto import selftest
from sbcard_core.crypto.errors import SelfTestFailed
from sbcard_core.crypto.keys import Cipher

Bytes = bytes | bytearray | memoryview
Offsets = Any
"""A buffer of n + 1 int64."""

LANES: Final = {Cipher.TDES: 256, Cipher.SM4: 16, Cipher.AES: 16}
"""Work for several threads is split at multiples of this many items."""


class Engine(Protocol):
    """One algorithm at one level. ``key_length`` cuts ``keys`` into keys; outputs are filled, never returned."""

    def ecb(self, keys: Bytes, key_length: int, data: Bytes, decrypt: bool, out: Bytes) -> None: ...
    def cbc(
        self, keys: Bytes, key_length: int, ivs: Bytes, data: Bytes, offsets: Offsets, decrypt: bool, out: Bytes
    ) -> None: ...
    def cbc_mac(
        self, keys: Bytes, key_length: int, iv: Bytes, data: Bytes, offsets: Offsets, padding: int, retail: bool,
        out: Bytes,
    ) -> None: ...  # fmt: skip
    def mac_one(self, key: Bytes, message: Bytes, iv: Bytes, padding: int, retail: bool) -> bytes: ...
    def derive(self, masters: Bytes, factors: Bytes, out: Bytes) -> None: ...


class DesEngine:
    """DES and 3DES by key length, on the bitsliced kernels."""

    def __init__(self, module: ModuleType | Any, level: str) -> None:
        self.kernel, self.level = module, level

    def ecb(self, keys: Bytes, key_length: int, data: Bytes, decrypt: bool, out: Bytes) -> None:
        """Each block by itself."""
        self.kernel.ecb(keys, key_length, data, decrypt, out, self.level)

    def cbc(
        self, keys: Bytes, key_length: int, ivs: Bytes, data: Bytes, offsets: Offsets, decrypt: bool, out: Bytes
    ) -> None:
        """Each message in a chain from its IV."""
        self.kernel.cbc(keys, key_length, ivs, data, offsets, decrypt, out, self.level)

    def cbc_mac(
        self, keys: Bytes, key_length: int, iv: Bytes, data: Bytes, offsets: Offsets, padding: int, retail: bool,
        out: Bytes,
    ) -> None:  # fmt: skip
        """The last block of each message's chain; ``retail`` ends it with the two halves of a 16-byte key."""
        self.kernel.cbc_mac(keys, key_length, iv, data, offsets, padding, retail, out, self.level)

    def mac_one(self, key: Bytes, message: Bytes, iv: Bytes, padding: int, retail: bool) -> bytes:
        """The last block of one message's chain, without a batch's arrays."""
        block: bytes = self.kernel.mac_one(key, message, iv, padding, retail, self.level)
        return block

    def derive(self, masters: Bytes, factors: Bytes, out: Bytes) -> None:
        """16 bytes for each 8-byte factor."""
        self.kernel.derive(masters, factors, out, self.level)

    def tac(self, master: Bytes, factors: Bytes, data: Bytes, offsets: Offsets, out: Bytes) -> None:
        """4 bytes for each message, under the TAC key of the card that its factor names."""
        self.kernel.tac(master, factors, data, offsets, out, self.level)

    def tac_verify(self, master: Bytes, factors: Bytes, data: Bytes, offsets: Offsets, tacs: Bytes, out: Bytes) -> None:
        """One status byte for each message: 0 its TAC verifies, 1 it does not."""
        self.kernel.tac_verify(master, factors, data, offsets, tacs, out, self.level)


class BlockEngine:
    """A cipher of 16-byte blocks: SM4 on its kernels, AES on the ``cryptography`` package."""

    def __init__(self, module: ModuleType | Any, level: str) -> None:
        self.kernel, self.level = module, level

    def ecb(self, keys: Bytes, key_length: int, data: Bytes, decrypt: bool, out: Bytes) -> None:
        """Each block by itself."""
        self.kernel.ecb(*self._keys(keys, key_length), data, decrypt, out, self.level)

    def cbc(
        self, keys: Bytes, key_length: int, ivs: Bytes, data: Bytes, offsets: Offsets, decrypt: bool, out: Bytes
    ) -> None:
        """Each message in a chain from its IV."""
        self.kernel.cbc(*self._keys(keys, key_length), ivs, data, offsets, decrypt, out, self.level)

    def cbc_mac(
        self, keys: Bytes, key_length: int, iv: Bytes, data: Bytes, offsets: Offsets, padding: int, retail: bool,
        out: Bytes,
    ) -> None:  # fmt: skip
        """The last block of each message's chain."""
        if retail:
            raise ValueError("the retail MAC is DES")
        self.kernel.cbc_mac(*self._keys(keys, key_length), iv, data, offsets, padding, out, self.level)

    def mac_one(self, key: Bytes, message: Bytes, iv: Bytes, padding: int, retail: bool) -> bytes:
        """The last block of one message's chain."""
        out = bytearray(16)
        self.cbc_mac(key, len(key), iv, message, one(len(message)), padding, retail, out)
        return bytes(out)

    def derive(self, masters: Bytes, factors: Bytes, out: Bytes) -> None:
        """16 bytes for each 8-byte factor."""
        self.kernel.derive(masters, factors, out, self.level)

    def _keys(self, keys: Bytes, key_length: int) -> tuple[Any, ...]:
        return (keys,) if self.level != "aes" else (keys, key_length)


def _aes() -> tuple[Any, str]:
    from sbcard_core.crypto import aes  # noqa: PLC0415 - the cipher package is loaded only for AES

    return aes, "aes"


_SOURCES: dict[Cipher, tuple[Callable[[], tuple[Any, str]], type[DesEngine] | type[BlockEngine]]] = {
    Cipher.TDES: (lambda: _kernels.choose("des"), DesEngine),
    Cipher.SM4: (lambda: _kernels.choose("sm4"), BlockEngine),
    Cipher.AES: (_aes, BlockEngine),
}
_ready: dict[Cipher, DesEngine | BlockEngine] = {}
_failed: dict[Cipher, str] = {}
_lock = Lock()


def of(cipher: Cipher) -> Any:
    """The tested engine of a cipher.

    Raises:
        SelfTestFailed: its known answers do not come out; asked again, the answer is the same.
        MissingPart: the compiled kernels are not built.
    """
    found = _ready.get(cipher)
    return _start(cipher) if found is None else found


def des() -> DesEngine:
    """The tested DES engine, which alone does retail MACs and TACs."""
    found: DesEngine = of(Cipher.TDES)
    return found


def _start(cipher: Cipher) -> Any:
    with _lock:
        if cipher in _ready:
            return _ready[cipher]
        if cipher not in _failed:
            source, kind = _SOURCES[cipher]
            made = kind(*source())
            try:
                selftest.run(cipher, made)
            except Exception as error:
                _failed[cipher] = f"{made.level}: {error if isinstance(error, selftest.WrongAnswer) else 'broken'}"
            else:
                _ready[cipher] = made
                return made
        raise SelfTestFailed(
            f"{cipher.value} does not give its known answers ({_failed[cipher]})",
            step="crypto.selftest",
            term="算法自检",
            advice="refuse service on this machine; SBCARD_CPU=portable names the simplest kernel to compare with",
        )


def forget() -> None:
    """Choose and test again at the next call: for tests that change the level."""
    with _lock:
        _ready.clear()
        _failed.clear()


def one(length: int) -> Offsets:
    """Offsets of a single message."""
    return array("q", (0, length))


def ecb(cipher: Cipher, keys: Bytes, data: Bytes, *, key_length: int = 0, decrypt: bool = False) -> bytes:
    """Whole blocks in, as many bytes out; without ``key_length`` there is one key."""
    out = bytearray(len(data))
    if len(data):
        of(cipher).ecb(keys, key_length or len(keys), data, decrypt, out)
    return bytes(out)


def cbc(cipher: Cipher, key: Bytes, iv: Bytes, data: Bytes, *, decrypt: bool = False) -> bytes:
    """One message of whole blocks under one key."""
    out = bytearray(len(data))
    if len(data):
        of(cipher).cbc(key, len(key), iv, data, one(len(data)), decrypt, out)
    return bytes(out)
