"""The catalogue of payout programmes: adding one is one line here, or one ``Programme`` of the integrator's own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

from sbcard_core.calendar import Period, is_working_day
from sbcard_core.errors import InvalidValue
from sbcard_core.ledger import AccountKind
from sbcard_core.messages import message
from sbcard_core.values import CardState

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
        payable: states of the card's financial half in which the account behind it is paid; None: what the place's
            rule of eligibility allows for credits, by default also an account not activated yet (只收不付).
        approvals: different officers who must approve a roll, none of whom drafted it (assumed).
        notice_days: working days of the public notice (公示); 0 = none. 7 is general practice, places differ.
        household: paid per household to the card of its head (户主), not per person.
        pay_day: day of the month on which it is paid, moved earlier over holidays (assumed); 0 = no fixed day.
        pays_month_of_death: the period in which a person died is still due (assumed).
    """

    code: str
    name_zh: str
    fund_account: str
    kind: AccountKind
    limit_fen: int = 100_000_00
    payable: frozenset[CardState] | None = None
    approvals: int = 0
    notice_days: int = 0
    household: bool = False
    pay_day: int = 0
    pays_month_of_death: bool = True

    def __post_init__(self) -> None:
        if _CODE.fullmatch(self.code) is None:
            raise InvalidValue(message("payout.programme.code"), step="payout.programmes", term="代发项目")
        if min(self.approvals, self.notice_days, self.pay_day) < 0 or self.pay_day > 28 or self.limit_fen < 1:
            what = message("payout.programme.rule", programme=self.code)
            raise InvalidValue(what, step="payout.programmes", term="代发项目")


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Programmes of which one person, or household, may have only one in periods that share a day (不得重复享受)."""

    codes: frozenset[str]
    per_household: bool = False


PENSION = Programme("pension", "养老金", "PENSION_FUND", AccountKind.PENSION_FUND, approvals=2, pay_day=15)
FARM_SUBSIDY = Programme(
    *("farm-subsidy", "惠农补贴", "FISCAL_PROGRAMME:farm-subsidy", AccountKind.FISCAL_PROGRAMME),
    approvals=2,
    notice_days=7,
)
LAND_SUBSIDY = Programme(
    *("land-subsidy", "耕地地力保护补贴", "FISCAL_PROGRAMME:land-subsidy", AccountKind.FISCAL_PROGRAMME),
    approvals=2,
    notice_days=7,
    household=True,
)
PROGRAMMES: Mapping[str, Programme] = MappingProxyType({p.code: p for p in (PENSION, FARM_SUBSIDY, LAND_SUBSIDY)})


def pay_day(programme: Programme, period: str) -> date:
    """The programme's day of payment for a period: its fixed day in the last month of it, or the working day before.

    Source: common practice (assumed); working days of :mod:`sbcard_core.calendar`, not the banks' own.

    Raises:
        InvalidValue: the programme has no fixed day.
        UnknownYear: the holidays of that year are not known.

    Example:
        >>> pay_day(PENSION, "2014-06")  # the 15th was a Sunday
        datetime.date(2014, 6, 13)
    """
    if not programme.pay_day:
        what = message("payout.programme.no_pay_day", programme=programme.code)
        raise InvalidValue(what, step="payout.pay_day", term="发放日")
    day = Period(period).pay_day(programme.pay_day)
    while not is_working_day(day):
        day -= timedelta(days=1)
    return day


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
        what = message("payout.programme.unknown", found=str(programme)[:24], known=", ".join(PROGRAMMES))
        raise InvalidValue(what, step="payout.programmes", term="代发项目")
    return found
