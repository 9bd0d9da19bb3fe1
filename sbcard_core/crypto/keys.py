"""A secret key that does not show itself, and the small facts about one: usage, algorithm, check value."""

from enum import StrEnum
from typing import NoReturn, Self

from sbcard_core.crypto.errors import KeyClosed, KeyNotPortable, KeyRefused


class Algorithm(StrEnum):
    """Block ciphers a card may name in tag 9F0C (01 = 3DES, 03 = SM4; 02 = SSF33 is not public)."""

    TDES = "3DES"
    SM4 = "SM4"

    @property
    def block(self) -> int:
        """Block size in bytes."""
        return 16 if self is Algorithm.SM4 else 8


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


_LENGTHS = {Algorithm.TDES: (8, 16, 24), Algorithm.SM4: (16,)}


class SecretKey:
    """Key material that is wiped by :meth:`close` and never printed, copied or pickled.

    Args:
        material: 8 (single DES session key), 16 or 24 bytes for 3DES; 16 for SM4.
        usage: what the key may be used for.
        algorithm: the cipher it belongs to.

    Python may keep other copies of ``material`` (the caller's, the cipher context's): ``close`` wipes ours only.

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

    def __init__(
        self, material: bytes | bytearray | memoryview, usage: KeyUsage, algorithm: Algorithm = Algorithm.TDES
    ) -> None:
        if len(material) not in _LENGTHS[algorithm]:
            raise KeyRefused(
                f"a {algorithm.value} key can't have {len(material)} bytes", step="crypto.keys", term="密钥长度"
            )
        self._material = bytearray(material)
        self.usage = KeyUsage(usage)
        self.algorithm = algorithm

    def material(self) -> bytes:
        """Return the secret bytes: the one marked way to them.

        Raises:
            KeyClosed: the key has been wiped.
        """
        if not self._material:
            raise KeyClosed(f"the {self.usage.value} key is closed", step="crypto.keys", advice="load it again")
        return bytes(self._material)

    @property
    def kcv(self) -> str:
        """Key check value (密钥校验值): first 3 bytes of the encrypted zero block, 6 upper-case hex digits."""
        return kcv(self)

    def close(self) -> None:
        """Overwrite the material with zeros and forget it; closing twice does no harm."""
        self._material[:] = bytes(len(self._material))
        self._material.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = f"{len(self._material)} bytes" if self._material else "closed"
        return f"<SecretKey {self.usage.value} {self.algorithm.value} {state}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise KeyNotPortable("a key can't be pickled or copied", step="crypto.keys", advice="derive it again there")


def kcv(key: SecretKey) -> str:
    """Return the key check value: the first 3 bytes of the encrypted zero block, 6 upper-case hex digits.

    Example:
        >>> kcv(SecretKey(bytes(16), KeyUsage.MAC))
        '8CA64D'
    """
    from sbcard_core.crypto.cipher import ecb_encrypt  # noqa: PLC0415 - the cipher module needs keys

    return ecb_encrypt(key, bytes(key.algorithm.block))[:3].hex().upper()


def kcv_many(keys: bytes) -> list[str]:
    """Return the key check values of n × 16 bytes of 3DES keys, in order.

    Raises:
        KeyRefused: not n × 16 bytes.

    Example:
        >>> kcv_many(bytes(32))
        ['8CA64D', '8CA64D']
    """
    from sbcard_core.crypto.cipher import parts  # noqa: PLC0415 - the cipher module needs keys

    if len(keys) % 16:
        raise KeyRefused(f"{len(keys)} bytes are not n × 16", step="crypto.keys", term="密钥长度")
    cipher, tdes, ecb = parts().cipher, parts().tdes, parts().ecb()
    zero = bytes(8)
    return [
        cipher(tdes(keys[i : i + 16] + keys[i : i + 8]), ecb).encryptor().update(zero)[:3].hex().upper()
        for i in range(0, len(keys), 16)
    ]


def with_odd_parity(material: bytes) -> bytes:
    """Set the lowest bit of every byte so that each byte has an odd number of ones (FIPS 46-3 convention).

    Diversified keys are used as computed, without this step: the published arithmetic needs none. It is here
    for hosts that insist.

    Example:
        >>> with_odd_parity(bytes.fromhex("0001FE")).hex()
        '0101fe'
    """
    return bytes((b & 0xFE) | ((b >> 1).bit_count() + 1) % 2 for b in material)
