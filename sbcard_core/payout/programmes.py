"""The catalogue of payout programmes: adding one is one line here, or one ``Programme`` of the integrator's own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sbcard_core.errors import InvalidValue
from sbcard_core.ledger import AccountKind
from sbcard_core.values import CardState

# A loss report stops the card, not the account behind it; a half never activated is no live account (assumed).
PAYABLE: frozenset[CardState] = frozenset(set(CardState) - {CardState.SEALED, CardState.CANCELLED})
_CODE = re.compile(r"[a-z0-9-]{1,24}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Programme:
    """One programme (代发项目).

    Attributes:
        code: short ASCII code, part of batch numbers.
        name_zh: what the bank statement names (用途).
        fund_account: ledger account the money comes from.
        kind: kind of that account.
        limit_fen: most per line; assumed, no public limit.
        payable: states of the card's financial half in which the account behind it is paid; assumed.
    """

    code: str
    name_zh: str
    fund_account: str
    kind: AccountKind
    limit_fen: int = 100_000_00
    payable: frozenset[CardState] = PAYABLE

    def __post_init__(self) -> None:
        if _CODE.fullmatch(self.code) is None:
            advice = "use up to 24 small letters, digits and hyphens"
            raise InvalidValue("bad programme code", step="payout.programmes", term="代发项目", advice=advice)


PENSION = Programme("pension", "养老金", "PENSION_FUND", AccountKind.PENSION_FUND)
FARM_SUBSIDY = Programme("farm-subsidy", "惠农补贴", "FISCAL_PROGRAMME:farm-subsidy", AccountKind.FISCAL_PROGRAMME)
PROGRAMMES: Mapping[str, Programme] = MappingProxyType({p.code: p for p in (PENSION, FARM_SUBSIDY)})


def find(programme: Programme | str) -> Programme:
    """A programme by its code, or itself.

    Raises:
        InvalidValue: not in the catalogue.

    Example:
        >>> find("pension").name_zh
        '养老金'
    """
    if isinstance(programme, Programme):
        return programme
    found = PROGRAMMES.get(programme)
    if found is None:
        advice = f"known are {', '.join(PROGRAMMES)}; or pass a Programme"
        raise InvalidValue("unknown programme", step="payout.programmes", term="代发项目", advice=advice)
    return found
