"""What the public sources don't say about the purse, as data an integrator sets: unset, and refused until set.

Every value here is **assumed**. The names describe arithmetic, they are no
claim about any issuer's cards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sbcard_core.crypto.errors import unset
from sbcard_core.crypto.keys import Cipher
from sbcard_core.crypto.layout import Layout

_STEP = "crypto.rules"


class Sm4SessionRule(StrEnum):
    """How an SM4 card key and 8 bytes of transaction data give the session key. Assumed."""

    PAD_80 = "pad-80"
    """SM4 of the data padded with 80 00…: a 16-byte session key."""
    COMPLEMENT = "complement"
    """SM4 of the data and its complement, as in diversification."""


class Sm4MacRule(StrEnum):
    """How an SM4 session key's CBC-MAC becomes the 4 bytes of MAC1 and MAC2. Assumed."""

    FOLD = "fold"
    """XOR of the four words, as the PKI application does it (one public vendor code)."""
    LEFT = "left"
    """The left 4 bytes, as with 3DES."""


class Sm4TacRule(StrEnum):
    """How an SM4 DTK gives the TAC. Assumed."""

    WHOLE_KEY_FOLD = "whole-key-fold"
    """CBC-MAC under the whole 16-byte DTK, folded to 4 bytes."""
    WHOLE_KEY_LEFT = "whole-key-left"
    """The same, left 4 bytes."""


class Df04Command(StrEnum):
    """Commands of the social-security account (DF04, class B0) whose instruction byte is not public."""

    CREDIT_FOR_LOAD = "credit-for-load"
    INITIALIZE_FOR_DEBIT = "initialize-for-debit"
    DEBIT = "debit"
    GET_PROOF = "get-proof"


@dataclass(frozen=True, slots=True)
class PurseRules:
    """The assumed rules of one issuer's purse; each unset one is refused when it is needed.

    Example:
        >>> PurseRules().need_load_tac()
        Traceback (most recent call last):
            ...
        sbcard_core.crypto.errors.AssumptionNotSet: the list of a load's TAC fields is not public and not set \
(交易验证码) [crypto.rules]; set it in the card profile
    """

    sm4_session: Sm4SessionRule | None = None
    sm4_mac: Sm4MacRule | None = None
    sm4_tac: Sm4TacRule | None = None
    load_tac: Layout | None = None
    df04_instructions: Mapping[Df04Command, int] = field(default_factory=dict)

    def need_load_tac(self) -> Layout:
        """The fields a load's TAC covers."""
        if self.load_tac is None:
            raise unset("load_tac", "交易验证码", _STEP)
        return self.load_tac

    def need_sm4_mac(self) -> Sm4MacRule:
        """How an SM4 MAC becomes 4 bytes."""
        if self.sm4_mac is None:
            raise unset("sm4_mac", "报文鉴别码", _STEP)
        return self.sm4_mac

    def need_sm4_tac(self) -> Sm4TacRule:
        """How an SM4 DTK gives a TAC."""
        if self.sm4_tac is None:
            raise unset("sm4_tac", "交易验证码", _STEP)
        return self.sm4_tac

    def need_df04(self, command: Df04Command) -> int:
        """The instruction byte of a DF04 command."""
        found = self.df04_instructions.get(command)
        if found is None:
            raise unset("df04", "医疗账户", _STEP, command=command.value)
        return found


UNSET = PurseRules()


def session_block(cipher: Cipher, data: bytes, rules: PurseRules) -> bytes:
    """The block whose encryption is the session key: the 8 bytes themselves for 3DES, by rule for SM4."""
    if cipher is Cipher.TDES:
        return data
    if cipher is not Cipher.SM4 or rules.sm4_session is None:
        raise unset("sm4_session", "过程密钥", _STEP)
    if rules.sm4_session is Sm4SessionRule.COMPLEMENT:
        return data + bytes(b ^ 0xFF for b in data)
    return data + b"\x80" + bytes(7)
