"""Who may read and write a file, and where the keys for it lie.

What a single public source says of access conditions is declared, not enforced
here: the session prepares what is declared and the card decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from sbcard_core.crypto.errors import unset
from sbcard_core.crypto.hsm_strings import KeyAddress
from sbcard_core.crypto.keys import KeyUsage

_STEP = "card.profile"


class Confidence(StrEnum):
    """How well a declaration is supported by what is public."""

    HIGH = "H"
    """Three or more independent sources agree."""
    MEDIUM = "M"
    """Two sources agree."""
    LOW = "L"
    """One source."""
    ASSUMED = "R"
    """Reasoned, doubtful or made up: an issuer's own documents go before it."""


class Access(StrEnum):
    """Access condition (存取条件) of reading or updating a file."""

    FREE = "free"
    PIN = "PIN"
    KEY = "key"
    PIN_OR_KEY = "PIN or key"
    PIN_AND_KEY = "PIN and key"
    SECURE = "secure message"
    """Each command carries a MAC (class 04)."""
    NEVER = "never"
    UNKNOWN = "unknown"
    """No source says; the card decides."""

    @property
    def wants_key(self) -> bool:
        """Whether an external authentication is part of the condition."""
        return self in {Access.KEY, Access.PIN_AND_KEY}


@dataclass(frozen=True, slots=True)
class KeyRef:
    """One key of the card and its number at each place that may hold it.

    Args:
        name: its name in a profile.
        usage: which master key it comes from, for keys in software.
        hsm_address: 密钥地址 in the province's security module; None where no source says.
        psam_key_id: number in the PSAM; None where no source says.
        kid: number in the card, P2 of EXTERNAL AUTHENTICATE; None where no source says.
        confidence: of the weakest of the three numbers that are given.
        source: who says so.
    """

    name: str
    usage: KeyUsage
    hsm_address: KeyAddress | None = None
    psam_key_id: int | None = None
    kid: int | None = None
    confidence: Confidence = Confidence.LOW
    source: str = "one public vendor code"

    def need_kid(self) -> int:
        """Number of the key in the card.

        Raises:
            AssumptionNotSet: the profile does not say.
        """
        if self.kid is None:
            raise unset("number_in_card", "密钥标识", _STEP, key=self.name)
        return self.kid

    def need_psam_key_id(self) -> int:
        """Number of the key in the PSAM.

        Raises:
            AssumptionNotSet: the profile does not say.
        """
        if self.psam_key_id is None:
            raise unset("number_in_psam", "密钥标识", _STEP, key=self.name)
        return self.psam_key_id

    def need_hsm_address(self) -> KeyAddress:
        """Address of the key in the security module.

        Raises:
            AssumptionNotSet: the profile does not say.
        """
        if self.hsm_address is None:
            raise unset("hsm_address", "密钥地址", _STEP, key=self.name)
        return self.hsm_address


_RK, _UK = KeyUsage.RK, KeyUsage.UK
_H, _M, _L, _R = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW, Confidence.ASSUMED
_at = KeyAddress.parse

_TABLE = (
    KeyRef("IRK", KeyUsage.IRK, confidence=_L),
    KeyRef("RK_SSSE", KeyUsage.RK_SSSE, _at("004C"), 0x0A, 0x0A, _L, "number in the card: three sources; address: one"),
    KeyRef("UK_SSSE", KeyUsage.UK_SSSE, _at("0094"), 0x12, 0x04, _M, "two sources"),
    KeyRef("UK_SSSE_EF05_SECOND", KeyUsage.UK_SSSE, _at("0096")),
    KeyRef("UK_SSSE_EF0C", _UK, None, 0x5D, 0x07),
    KeyRef("UK_SSSE_EF0D", _UK, None, 0x13, 0x0D),
    KeyRef("PIN_AUTH", KeyUsage.RPK, _at("0090"), 0x10, 0x06, _L, "address: two sources; number in the card: one"),
    KeyRef("PIN_MESSAGE", KeyUsage.RPK, _at("0173")),
    KeyRef("RK_DF01", _RK, _at("004F"), 0x2E),
    KeyRef("RK_DF02", _RK, _at("0064"), 0x35),
    KeyRef("RK_DF03_EF05", _RK, _at("0196"), 0x2C),
    KeyRef("RK_DF03", _RK, _at("0193"), 0x2B),
    KeyRef("RK_DF04", _RK, _at("0182"), 0x2D),
    KeyRef("RK_DF07_EF05", _RK, _at("007A"), 0x3D),
    KeyRef("RK_DF07_EF06", _RK, _at("0080"), 0x3F),
    KeyRef("RK_DF07_EF07", _RK, _at("0086"), 0xB1),
    KeyRef("UK_DF01_EF05", _UK, _at("0097"), 0x42),
    KeyRef("UK_DF01_EF06", _UK, _at("0179"), 0x25, 0x86, _L, "address and number in the card: two sources; PSAM: one"),
    KeyRef("UK_DF01_EF07", _UK, _at("009A"), 0x43),
    KeyRef("UK_DF01_EF08", _UK, _at("0176"), 0x24),
    KeyRef("UK_DF01_EF09", _UK, _at("009A"), None, 0x84, _R, "doubtful: another source has this address for EF07"),
    KeyRef("UK_DF01_EF0A", _UK, _at("009D"), None, 0x87),
)

KEYS: Mapping[str, KeyRef] = MappingProxyType({key.name: key for key in _TABLE})
"""Every key the public sources number, by name. IRK's number in the PSAM is not public."""
