"""Mutual authentication: the process key and the cryptogram over the original data.

What the public sources say: the card's key comes from master, city and card
factor; the process factor changes it once more; the result encrypts 8 bytes of
original data. *How* the process factor changes it is not published, and neither
is how SM4 gives 8 bytes. Both are therefore data of a profile, unset by default
and refused until set.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sbcard_core.crypto import bulk, engine
from sbcard_core.crypto.errors import KeyRefused, unset
from sbcard_core.crypto.keys import Cipher, KeyUsage, SecretKey
from sbcard_core.errors import InvalidValue


class ProcessKeyRule(StrEnum):
    """How the card's key and the process factor (过程因子) give the process key. Both forms are assumed."""

    DIVERSIFY_16 = "diversify-16"
    """One more diversification: a 16-byte key, then 3DES."""
    ENCRYPT_8 = "encrypt-8"
    """3DES of the process factor: an 8-byte key, then single DES."""


class Sm4Reduction(StrEnum):
    """How a 16-byte SM4 block gives the 8-byte cryptogram. Assumed."""

    XOR_HALVES = "xor-halves"


@dataclass(frozen=True, slots=True)
class AuthRules:
    """The assumed rules of one issuer's cards; every unset rule is refused when it is needed.

    Example:
        >>> AuthRules().process_key is None
        True
    """

    process_key: ProcessKeyRule | None = None
    sm4_reduction: Sm4Reduction | None = None


_STEP = "crypto.auth"

UNSET = AuthRules()

SAMPLE = AuthRules(process_key=ProcessKeyRule.DIVERSIFY_16)
"""Assumed, for the simulator and the demonstration only: set your issuer's own rule."""


USAGES = frozenset(
    {
        KeyUsage.IRK,
        KeyUsage.RK,
        KeyUsage.UK,
        KeyUsage.RK_SSSE,
        KeyUsage.UK_SSSE,
        KeyUsage.STK,
        KeyUsage.PUK,
        KeyUsage.RPK,
    }
)
"""Keys that authenticate; money and transport keys do not."""

_OTHERS = frozenset(KeyUsage) - USAGES


def _process_keys(cipher: Cipher, keys: Any, process: Any, rules: AuthRules) -> bytearray:
    """One process key for each 8-byte process factor: 16 bytes, or 8."""
    count = len(process) // 8
    if rules.process_key is ProcessKeyRule.DIVERSIFY_16:
        made = bytearray(16 * count)
        engine.of(cipher).derive(keys, process, made)
    elif rules.process_key is ProcessKeyRule.ENCRYPT_8 and cipher is Cipher.TDES:
        made = bytearray(8 * count)
        engine.des().ecb(keys, 16, process, False, made)
    else:
        raise unset("process_key", "过程密钥", _STEP)
    return made


def process_key(card_key: SecretKey, process_factor: bytes, *, rules: AuthRules = UNSET) -> SecretKey:
    """Return the key that encrypts the original data.

    Args:
        card_key: the card's own key, e.g. IRK or RK_SSSE.
        process_factor: 8 bytes; for external authentication the latest GET CHALLENGE.
        rules: the profile's rules.

    Raises:
        AssumptionNotSet: the rule is not set.
        KeyRefused: a key that does not authenticate, or that has not 16 bytes.

    Example:
        >>> process_key(SecretKey(bytes(16), KeyUsage.IRK), bytes(8), rules=SAMPLE)
        <SecretKey SESSION 3DES 16 bytes>
    """
    if len(process_factor) != 8:
        raise InvalidValue("a process factor has 8 bytes", step=_STEP, term="过程因子")
    cipher, material = bulk.opened(card_key, None, _OTHERS, _STEP)
    if len(material) != 16:
        raise KeyRefused("a card's key has 16 bytes", step=_STEP, term="密钥长度")
    made = _process_keys(cipher, material, process_factor, rules)
    key = SecretKey(made, KeyUsage.SESSION, cipher)
    made[:] = bytes(len(made))
    return key


def cryptogram(
    card_key: SecretKey | bytes,
    process_factor: bytes,
    original: bytes,
    *,
    cipher: Cipher | None = None,
    rules: AuthRules = UNSET,
) -> bytes:
    """Encrypt 8 bytes of original data under the process key: the 8 bytes card and PSAM compare.

    Raises:
        AssumptionNotSet: the process key rule, or the SM4 reduction of an SM4 key, is not set.
        InvalidValue: ``original`` is not 8 bytes.

    Example:
        >>> len(cryptogram(SecretKey(bytes(16), KeyUsage.IRK), bytes(8), bytes(8), rules=SAMPLE))
        8
        >>> cryptogram(SecretKey(bytes(16), KeyUsage.IRK), bytes(8), bytes(8))
        Traceback (most recent call last):
            ...
        sbcard_core.crypto.errors.AssumptionNotSet: the process key rule is not public and not set (过程密钥) \
[crypto.auth]; set it in the card profile
    """
    cipher, material = bulk.opened(card_key, cipher, _OTHERS, _STEP)
    return cryptogram_many(material, process_factor, original, cipher=cipher, rules=rules)


def cryptogram_many(
    card_keys: bytes | bytearray | memoryview,
    process: bytes,
    originals: bytes,
    *,
    cipher: Cipher = Cipher.TDES,
    rules: AuthRules = UNSET,
) -> bytes:
    """:func:`cryptogram` of n cards.

    Args:
        card_keys: n × 16 bytes, as ``diversify_many`` gives them.
        process: n × 8 bytes of process factors.
        originals: n × 8 bytes of original data.

    Returns:
        n × 8 bytes, in order.

    Raises:
        InvalidValue: the three don't hold the same number of cards.
        AssumptionNotSet: as for :func:`cryptogram`.

    Example:
        >>> cryptogram_many(bytes(32), bytes(16), bytes(16), rules=SAMPLE)[:8] == cryptogram(
        ...     bytes(16), bytes(8), bytes(8), rules=SAMPLE)
        True
    """
    count = len(originals) // 8
    if len(originals) % 8 or (count == 1 and len(originals) != 8):
        raise InvalidValue("the original data has 8 bytes", step=_STEP, term="原始信息")
    if len(process) != 8 * count:
        raise InvalidValue("a process factor has 8 bytes, one for each card", step=_STEP, term="过程因子")
    if len(card_keys) != 16 * count:
        raise KeyRefused("a card's key has 16 bytes, one for each card", step=_STEP, term="密钥长度")
    if cipher is not Cipher.TDES and rules.process_key is not None and rules.sm4_reduction is None:
        raise unset("sm4_reduction", "过程密钥", _STEP)
    if not count:
        return b""
    keys = _process_keys(cipher, card_keys, process, rules)
    try:
        return _encrypt(cipher, keys, originals, count)
    finally:
        keys[:] = bytes(len(keys))


def _encrypt(cipher: Cipher, keys: bytearray, originals: bytes, count: int) -> bytes:
    if cipher is Cipher.TDES:
        return engine.ecb(cipher, keys, originals, key_length=len(keys) // count)
    wide = b"".join(originals[at : at + 8] + bytes(8) for at in range(0, len(originals), 8))
    blocks = engine.ecb(cipher, keys, wide, key_length=16)
    lanes = memoryview(blocks).cast("Q")
    left, right = lanes[0::2].tobytes(), lanes[1::2].tobytes()
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")
