"""A secret key that does not show itself, and the small facts about one: usage, algorithm, check value."""

import hmac
from collections.abc import Iterable
from enum import StrEnum
from itertools import pairwise
from typing import NoReturn, Self

from sbcard_core.crypto.errors import KeyClosed, KeyNotPortable, KeyRefused, WeakKey
from sbcard_core.messages import message


class Cipher(StrEnum):
    """Block ciphers. A card may name 3DES (01) or SM4 (03) in tag 9F0C; 02, SSF33, is not public.

    Example:
        >>> Cipher.DES is Cipher.TDES, Cipher.SM4.block
        (True, 16)
    """

    TDES = "3DES"
    """DES with an 8-byte key, 3DES with 16 or 24 bytes: the key's length says which."""
    DES = "3DES"
    SM4 = "SM4"
    AES = "AES"

    block: int
    """Block size in bytes."""
    key_lengths: tuple[int, ...]
    """Key lengths in bytes that the cipher takes."""

    __hash__ = str.__hash__  # Enum's own is a Python call at every look-up


Algorithm = Cipher
"""The same enum under the name that keys carry it by."""

# Plain attributes, not properties: one message's MAC is short enough to notice the difference.
Cipher.TDES.block, Cipher.TDES.key_lengths = 8, (8, 16, 24)
Cipher.SM4.block, Cipher.SM4.key_lengths = 16, (16,)
Cipher.AES.block, Cipher.AES.key_lengths = 16, (16, 24, 32)


class KeyUsage(StrEnum):
    """What a key may be used for (密钥用途). Card keys follow the families of the social security card."""

    IRK = "IRK"
    """内部认证密钥: internal authentication."""
    RK = "RK"
    """读控制密钥: read control of any application."""
    UK = "UK"
    """更新密钥: update of any application."""
    RK_SSSE = "RK_SSSE"
    """Read control of the environment's personal data."""
    UK_SSSE = "UK_SSSE"
    """Update of the environment's files."""
    STK = "STK"
    """应用维护密钥: lock, block, secure messaging."""
    PUK = "PUK"
    """PIN 解锁密钥."""
    RPK = "RPK"
    """PIN 重装密钥."""
    DLK = "DLK"
    """圈存密钥: load."""
    DPK = "DPK"
    """消费密钥: purchase."""
    DTK = "DTK"
    """TAC 密钥."""
    TRANSPORT = "TRANSPORT"
    """传输密钥: encrypts card keys on their way to the personaliser."""
    SESSION = "SESSION"
    """过程密钥: lives for one transaction."""
    MAC = "MAC"
    """Message authentication between hosts."""
    ENC = "ENC"
    """Encryption between hosts."""


ONLY_DERIVE = frozenset({KeyUsage.DLK, KeyUsage.DPK, KeyUsage.DTK})
"""Their card keys give session or TAC keys and never touch a message themselves."""
NO_MAC = ONLY_DERIVE | {KeyUsage.ENC}
NO_CIPHER = frozenset({KeyUsage.MAC})


class SecretKey:
    """Key material that is wiped by :meth:`close` and never printed, copied or pickled.

    Two keys are equal when material, usage and algorithm are; the comparison takes the same time wherever they
    differ. A key can't be hashed.

    Args:
        material: 8 (single DES session key), 16 or 24 bytes for 3DES; 16 for SM4; 16, 24 or 32 for AES.
        usage: what the key may be used for.
        algorithm: the cipher it belongs to.

    Python may keep other copies of ``material`` (the caller's): ``close`` wipes ours only.

    Raises:
        KeyRefused: the length does not fit the algorithm.

    Example:
        >>> key = SecretKey(bytes.fromhex("11223344556677888877665544332211"), KeyUsage.DLK)
        >>> key
        <SecretKey DLK 3DES 16 bytes>
        >>> with key:
        ...     len(key.material())
        16
        >>> key
        <SecretKey DLK 3DES closed>
    """

    __slots__ = ("_material", "algorithm", "usage")
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self, material: bytes | bytearray | memoryview, usage: KeyUsage, algorithm: Cipher = Cipher.TDES
    ) -> None:
        if len(material) not in algorithm.key_lengths:
            raise KeyRefused(
                f"a {algorithm.value} key can't have {len(material)} bytes", step="crypto.keys", term="密钥长度"
            )
        self._material = bytearray(material)
        self.usage = KeyUsage(usage)
        self.algorithm = algorithm

    @classmethod
    def from_components(
        cls, components: Iterable[bytes], usage: KeyUsage, algorithm: Cipher = Cipher.TDES, *, expect_kcv: str = ""
    ) -> Self:
        """Build a key from the parts (密钥分量) its custodians bring: the XOR of all of them.

        Raises:
            KeyRefused: fewer than two parts, parts of different lengths, or a result of nothing but
                zeros (and parity bits, in DES).
            WeakKey: a 3DES key of no more strength than single DES.
            KcvMismatch: ``expect_kcv`` is given and is not the key's.
            InvalidValue: it is no check value.

        Example:
            >>> parts = [bytes(range(16)), b"\\x20" * 16]
            >>> SecretKey.from_components(parts, KeyUsage.MAC).material()[:2].hex()
            '2021'
        """
        from sbcard_core.crypto.kcv import check_kcv  # noqa: PLC0415 - check values need the cipher, that needs keys

        parts = list(components)
        if len(parts) < 2 or len({len(part) for part in parts}) != 1:
            raise KeyRefused(message("cards.key.components"), step="crypto.keys", term="密钥分量")
        total = 0
        for part in parts:
            total ^= int.from_bytes(part, "big")
        parity = int.from_bytes(b"\x01" * len(parts[0]), "big") if algorithm is Cipher.TDES else 0
        if not total & ~parity:
            raise KeyRefused(message("cards.key.cancel"), step="crypto.keys", term="密钥分量")
        made = cls(total.to_bytes(len(parts[0]), "big"), usage, algorithm)
        refuse_weak(made)
        if expect_kcv:
            check_kcv(made, expect_kcv)
        return made

    def material(self) -> bytes:
        """Return the secret bytes: the one marked way to them.

        Raises:
            KeyClosed: the key has been wiped.
        """
        return bytes(self.buffer())

    def buffer(self) -> bytearray:
        """Return the bytes themselves, not a copy: for a kernel to read, never to keep or to change.

        Raises:
            KeyClosed: the key has been wiped.
        """
        if not self._material:
            raise KeyClosed(message("cards.key.closed", usage=self.usage.value), step="crypto.keys")
        return self._material

    @property
    def kcv(self) -> str:
        """Key check value (密钥校验值): first 3 bytes of the encrypted zero block, 6 upper-case hex digits."""
        return kcv(self)

    def close(self) -> None:
        """Overwrite the material with zeros and forget it; closing twice does no harm."""
        self._material[:] = bytes(len(self._material))
        self._material = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretKey):
            return NotImplemented
        same = hmac.compare_digest(self.buffer(), other.buffer())
        return same and self.usage is other.usage and self.algorithm is other.algorithm

    def __repr__(self) -> str:
        state = f"{len(self._material)} bytes" if self._material else "closed"
        return f"<SecretKey {self.usage.value} {self.algorithm.value} {state}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise KeyNotPortable(message("cards.key.portable"), step="crypto.keys")


Key = SecretKey | bytes
"""A key, or raw key bytes (taken as DES/3DES unless a cipher is named)."""


def refuse_weak(key: SecretKey) -> None:
    """Refuse a 3DES key two of whose neighbouring parts are equal but for parity bits: it is single DES.

    Raises:
        WeakKey: it is one.

    Example:
        >>> refuse_weak(SecretKey(bytes(range(16)), KeyUsage.IRK))
        >>> refuse_weak(SecretKey(bytes(8) + b"\\x01" * 8, KeyUsage.IRK))
        Traceback (most recent call last):
        ...
        sbcard_core.crypto.errors.WeakKey: the IRK key is single DES in strength (弱密钥) [crypto.keys]; ...
    """
    if key.algorithm is not Cipher.TDES:
        return
    effective = bytes(byte & 0xFE for byte in key.buffer())
    parts = [effective[at : at + 8] for at in range(0, len(effective), 8)]
    if any(hmac.compare_digest(one, other) for one, other in pairwise(parts)):
        raise WeakKey(message("cards.key.weak", usage=key.usage.value), step="crypto.keys", term="弱密钥")


def need_usage(key: SecretKey, *usages: KeyUsage, step: str) -> None:
    """Refuse a key that was made for something else.

    Raises:
        KeyRefused: the usage is none of ``usages``.
    """
    if key.usage not in usages:
        wanted = ", ".join(usage.value for usage in usages)
        raise KeyRefused(message("cards.key.wanted", usage=key.usage.value, wanted=wanted), step=step, term="密钥用途")


def kcv(key: Key, *, cipher: Cipher | None = None) -> str:
    """Return the key check value: the first 3 bytes of the encrypted zero block, 6 upper-case hex digits.

    Args:
        key: a ``SecretKey``, or bytes.
        cipher: the cipher of raw bytes, DES/3DES by length by default.

    Raises:
        KeyRefused: the length does not fit the cipher.

    Example:
        >>> kcv(SecretKey(bytes(16), KeyUsage.MAC)), kcv(bytes(16), cipher=Cipher.AES)
        ('8CA64D', '66E94B')
    """
    from sbcard_core.crypto.kcv import check_value  # noqa: PLC0415 - check values need the cipher, that needs keys

    return check_value(key, cipher)


def kcv_many(keys: bytes) -> list[str]:
    """Return the key check values of n × 16 bytes of 3DES keys, in order.

    Raises:
        KeyRefused: not n × 16 bytes.

    Example:
        >>> kcv_many(bytes(32))
        ['8CA64D', '8CA64D']
    """
    from sbcard_core.crypto.kcv import check_values  # noqa: PLC0415 - check values need the cipher, that needs keys

    return check_values(keys)


def with_odd_parity(material: bytes) -> bytes:
    """Set the lowest bit of every byte so that each byte has an odd number of ones (FIPS 46-3 convention).

    Diversified keys are used as computed, without this step: the published arithmetic needs none. It is here
    for hosts that insist.

    Example:
        >>> with_odd_parity(bytes.fromhex("0001FE")).hex()
        '0101fe'
    """
    return bytes((b & 0xFE) | ((b >> 1).bit_count() + 1) % 2 for b in material)
