"""Mutual authentication: the process key and the cryptogram over the original data.

What the public sources say: the card's key comes from master, city and card
factor; the process factor changes it once more; the result encrypts 8 bytes of
original data. *How* the process factor changes it is not published, and neither
is how SM4 gives 8 bytes. Both are therefore data of a profile, unset by default
and refused until set.
"""

from dataclasses import dataclass
from enum import StrEnum

from sbcard_core.crypto.cipher import ecb_encrypt
from sbcard_core.crypto.diversify import derive
from sbcard_core.crypto.errors import AssumptionNotSet
from sbcard_core.crypto.keys import Algorithm, KeyUsage, SecretKey
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


UNSET = AuthRules()

SAMPLE = AuthRules(process_key=ProcessKeyRule.DIVERSIFY_16)
"""Assumed, for the simulator and the demonstration only: set your issuer's own rule."""


def _refuse(rule: str) -> AssumptionNotSet:
    return AssumptionNotSet(
        f"the {rule} is not public and not set",
        step="crypto.auth",
        advice="set it in the card profile",
        term="过程密钥",
    )


def process_key(card_key: SecretKey, process_factor: bytes, *, rules: AuthRules = UNSET) -> SecretKey:
    """Return the key that encrypts the original data.

    Args:
        card_key: the card's own key, e.g. IRK or RK_SSSE.
        process_factor: 8 bytes; for external authentication the latest GET CHALLENGE.
        rules: the profile's rules.

    Raises:
        AssumptionNotSet: the rule is not set.

    Example:
        >>> process_key(SecretKey(bytes(16), KeyUsage.IRK), bytes(8), rules=SAMPLE)
        <SecretKey SESSION 3DES 16 bytes>
    """
    if len(process_factor) != 8:
        raise InvalidValue("a process factor has 8 bytes", step="crypto.auth", term="过程因子")
    if rules.process_key is ProcessKeyRule.DIVERSIFY_16:
        with derive(card_key, process_factor) as below:
            return SecretKey(below.material(), KeyUsage.SESSION, card_key.algorithm)
    if rules.process_key is ProcessKeyRule.ENCRYPT_8 and card_key.algorithm is Algorithm.TDES:
        return SecretKey(ecb_encrypt(card_key, process_factor), KeyUsage.SESSION)
    raise _refuse("process key rule")


def cryptogram(card_key: SecretKey, process_factor: bytes, original: bytes, *, rules: AuthRules = UNSET) -> bytes:
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
    if len(original) != 8:
        raise InvalidValue("the original data has 8 bytes", step="crypto.auth", term="原始信息")
    with process_key(card_key, process_factor, rules=rules) as key:
        if key.algorithm is Algorithm.TDES:
            return ecb_encrypt(key, original)
        if rules.sm4_reduction is None:
            raise _refuse("SM4 reduction to 8 bytes")
        block = ecb_encrypt(key, original + bytes(8))
    return bytes(a ^ b for a, b in zip(block[:8], block[8:], strict=True))
