"""A card profile: the files of one generation, and what an issuer must say because no public source does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from sbcard_core.card.files import FileDecl
from sbcard_core.crypto.auth import UNSET, AuthRules
from sbcard_core.crypto.errors import AssumptionNotSet

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Assumed:
    """What the public sources leave open. Unset values are refused when a step needs them.

    Args:
        auth: the process key rule, see :mod:`sbcard_core.crypto.auth`.
        irk_psam_key_id: number of the internal authentication key in the PSAM.
        purse_aid: application identifier of the purse.
        purse_key_index: key index sent in INITIALIZE FOR LOAD and PURCHASE.
    """

    auth: AuthRules = UNSET
    irk_psam_key_id: int | None = None
    purse_aid: bytes | None = None
    purse_key_index: int | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """One generation of cards.

    Args:
        name: for messages.
        version: 规范版本 as record 03 of EF05 carries it.
        files: declarations in the order they are written.
        psam_key_of_kid: EXTERNAL AUTHENTICATE key id → PSAM key id.
        initial_pins: PINs that only open a new card (初始密码); two are seen, by region.
        card_class: 卡的类别 written on new cards (assumed: the digit of the one public example, a 3.0 card).
        assumed: what the issuer must set.
    """

    name: str
    version: str
    files: tuple[FileDecl, ...]
    psam_key_of_kid: Mapping[int, int]
    initial_pins: tuple[str, ...] = field(default=("123456", "888888"), repr=False)
    card_class: str = "3"
    assumed: Assumed = field(default_factory=Assumed)

    def file(self, path: str) -> FileDecl:
        """Return a file by its path, e.g. ``"SSSE/EF05"``."""
        for declared in self.files:
            if declared.path == path:
                return declared
        raise KeyError(path)

    def irk_psam_key_id(self) -> int:
        """Number of the internal authentication key in the PSAM.

        Raises:
            AssumptionNotSet: the profile does not say.
        """
        return _need(self.assumed.irk_psam_key_id, "PSAM key number of IRK")

    def purse_aid(self) -> bytes:
        """Application identifier of the purse.

        Raises:
            AssumptionNotSet: the profile does not say.
        """
        return _need(self.assumed.purse_aid, "application identifier of the purse")

    def purse_key_index(self) -> int:
        """Key index of load and purchase.

        Raises:
            AssumptionNotSet: the profile does not say.
        """
        return _need(self.assumed.purse_key_index, "key index of the purse")


def _need(value: T | None, what: str) -> T:
    if value is None:
        raise AssumptionNotSet(
            f"the {what} is not public and not set", step="card.profile", advice="set it in the card profile"
        )
    return value
