"""密钥分散: the key of a city or a card from its master key.

3DES: left half = E(K, F), right half = E(K, NOT F), with an 8-byte factor F.
SM4: the derived key is SM4(K, F ‖ NOT F). Both are ECB over F ‖ NOT F, so a
whole batch is one call. Derived keys keep the bits as computed (no parity).
The hierarchy is city first, card second, whatever the order of the operands
on the wire to a PSAM.
"""

from collections.abc import Iterable

from sbcard_core.crypto.cipher import ecb_encrypt
from sbcard_core.crypto.errors import KeyRefused
from sbcard_core.crypto.keys import KeyUsage, SecretKey
from sbcard_core.errors import InvalidValue

FACTOR_LENGTH = 8
KEY_LENGTH = 16


def _check(master: SecretKey, factors: bytes, usage: KeyUsage | None) -> None:
    if len(factors) % FACTOR_LENGTH:
        raise InvalidValue(f"{len(factors)} bytes of factors are not n × 8", step="crypto.diversify", term="分散因子")
    if usage is not None and master.usage is not usage:
        raise KeyRefused(f"a {master.usage.value} key can't give {usage.value} keys", step="crypto.diversify")


def spread(factors: bytes) -> bytes:
    """Write each 8-byte factor followed by its complement: n × 8 bytes in, n × 16 out.

    Example:
        >>> spread(bytes.fromhex("8649542600028141")).hex().upper()
        '864954260002814179B6ABD9FFFD7EBE'
    """
    ones = (1 << (8 * len(factors))) - 1
    complement = (int.from_bytes(factors, "big") ^ ones).to_bytes(len(factors), "big")
    out = bytearray(2 * len(factors))
    lanes = memoryview(out).cast("Q")
    lanes[0::2] = memoryview(factors).cast("Q")
    lanes[1::2] = memoryview(complement).cast("Q")
    return bytes(out)


def derive_many(master: SecretKey, factors: bytes, *, usage: KeyUsage | None = None) -> bytes:
    """Derive one 16-byte key per factor, in one cipher context.

    Args:
        master: the key of the level above (16 bytes).
        factors: n × 8 bytes, in the order of the items.
        usage: when given, the usage ``master`` must have.

    Returns:
        n × 16 bytes of key material, in the same order. They are raw bytes because a batch of a million
        key objects is not a batch; the caller keeps them as short as it can.

    Raises:
        InvalidValue: ``factors`` is not n × 8 bytes.
        KeyRefused: ``master`` has another usage, or is a single DES key.

    Source: three public implementations agree on the 3DES form; the SM4 form has a single public source.

    Example:
        >>> master = SecretKey(bytes.fromhex("11223344556677888877665544332211"), KeyUsage.RK_SSSE)
        >>> derive_many(master, bytes.fromhex("8649542600028141")).hex().upper()
        '437D19585D730A0F0A96A2241A812208'
    """
    _check(master, factors, usage)
    material = master.material()
    if len(material) != KEY_LENGTH:
        raise KeyRefused("diversification starts from a 16-byte key", step="crypto.diversify", term="密钥分散")
    return ecb_encrypt(material, spread(bytes(factors)), algorithm=master.algorithm)


def derive(master: SecretKey, factor: bytes) -> SecretKey:
    """Derive one key; it has the usage and the algorithm of its master.

    Raises:
        InvalidValue: ``factor`` is not 8 bytes.

    Example:
        >>> derive(SecretKey(bytes(range(16)), KeyUsage.DTK), bytes(8))
        <SecretKey DTK 3DES 16 bytes>
    """
    if len(factor) != FACTOR_LENGTH:
        raise InvalidValue("a diversification factor has 8 bytes", step="crypto.diversify", term="分散因子")
    return SecretKey(derive_many(master, factor), master.usage, master.algorithm)


def derive_path(master: SecretKey, factors: Iterable[bytes]) -> SecretKey:
    """Derive through several levels, the highest first: ``[city factor, card factor]``.

    Intermediate keys are wiped. An empty path is refused: it would hand out the master.

    Example:
        >>> master = SecretKey(bytes.fromhex("11223344556677888877665544332211"), KeyUsage.RK_SSSE)
        >>> card = derive_path(master, [city_factor("542600"), bytes.fromhex("8649542600028141")])
        >>> card.material().hex().upper()
        'DBBE5595D206052DEC526EEBF8EB0A62'
    """
    key: SecretKey | None = None
    for factor in factors:
        below = derive(key or master, factor)
        if key is not None:
            key.close()
        key = below
    if key is None:
        raise InvalidValue("an empty diversification path", step="crypto.diversify", term="分散因子")
    return key


def city_factor(region: str) -> bytes:
    """Return the city-level factor: the 6 digits of the region code in ASCII and "sx".

    Source: two public implementations and one published page agree.

    Raises:
        InvalidValue: not six ASCII digits.

    Example:
        >>> city_factor("371700")
        b'371700sx'
    """
    if len(region) != 6 or not (region.isascii() and region.isdigit()):
        raise InvalidValue("a region code has six digits", step="crypto.diversify", term="行政区划代码")
    return region.encode("ascii") + b"sx"
