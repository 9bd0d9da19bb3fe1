"""Totals and details of a period for reconciliation with the centre (3201 对总账, 3202 对明细账)."""

import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue
from sbcard_core.medical.amounts import numeric
from sbcard_core.medical.faults import shown
from sbcard_core.messages import message
from sbcard_core.store import schema

_STEP: Final = "medical.totals"
_row = schema.settlement.c
_AMOUNTS: Final = (_row.medfee_sumamt, _row.fund_pay_sumamt, _row.acct_pay, _row.psn_cash_pay)
# A sum of int64 may pass int64 (SQLite fails) or turn into a decimal (PostgreSQL): sum two 32-bit halves instead.
_HALF: Final = 1 << 32
_BY: Final = sa.literal_column(str(_HALF), sa.BigInteger)
_SUMS: Final = [sa.func.sum(half) for column in _AMOUNTS for half in (column // _BY, column % _BY)]


@dataclass(frozen=True, slots=True)
class DailyTotal:
    """One line of 3201, in fen. Refunds and cancellations are settlements of negative amounts and count as one each.

    ``cash_payamt`` stands in 3202's totals in place of acct_pay.
    """

    insutype: str
    clr_type: str
    setl_optins: str
    stmt_begndate: str
    stmt_enddate: str
    medfee_sumamt: int
    fund_pay_sumamt: int
    acct_pay: int
    cash_payamt: int
    fixmedins_setl_cnt: int
    refd_setl_flag: str

    def as_national(self, *, detail: bool = False) -> dict[str, str]:
        """Input of 3201 as text, or with ``detail`` of 3202, which has cash_payamt in place of acct_pay.

        Example:
            >>> DailyTotal("390", "21", "430100", "2014-07-31", "2014-07-31", 100, 70, 0, 30, 1, "1").as_national()[
            ...     "medfee_sumamt"]
            '1.00'
        """
        return {
            "insutype": self.insutype,
            "clr_type": self.clr_type,
            "setl_optins": self.setl_optins,
            "stmt_begndate": self.stmt_begndate,
            "stmt_enddate": self.stmt_enddate,
            "medfee_sumamt": numeric(self.medfee_sumamt),
            "fund_pay_sumamt": numeric(self.fund_pay_sumamt),
            **({"cash_payamt": numeric(self.cash_payamt)} if detail else {"acct_pay": numeric(self.acct_pay)}),
            "fixmedins_setl_cnt": str(self.fixmedins_setl_cnt),
            "refd_setl_flag": self.refd_setl_flag,
        }


@dataclass(frozen=True, slots=True)
class Detail:
    """One settlement, cancellation or refund for 3202, in fen. ``repr`` shows no person."""

    setl_id: str
    insutype: str
    clr_type: str
    setl_optins: str
    refd_setl_flag: str
    """``"1"`` for a cancellation or refund, ``"0"`` for a settlement; assumed."""
    medfee_sumamt: int
    fund_pay_sumamt: int
    acct_pay: int
    cash_payamt: int
    reverses: str | None
    psn_no: str = field(default="", repr=False)
    mdtrt_id: str = ""

    def as_national(self) -> dict[str, str]:
        """A row of the file that 3202 has uploaded first (9101). The number of a settlement is its msgid.

        Example:
            >>> Detail("S1", "390", "21", "430100", "0", 100, 70, 0, 30, None).as_national()["fund_pay_sumamt"]
            '0.70'
        """
        return {
            "psn_no": self.psn_no,
            "mdtrt_id": self.mdtrt_id,
            "setl_id": self.setl_id,
            "msgid": self.setl_id,
            "stmt_rslt": "",
            "refd_setl_flag": self.refd_setl_flag,
            "memo": "",
            "medfee_sumamt": numeric(self.medfee_sumamt),
            "fund_pay_sumamt": numeric(self.fund_pay_sumamt),
            "acct_pay": numeric(self.acct_pay),
        }


def daily_totals(
    connection: sa.Connection,
    begins: str | date,
    ends: str | date,
    *,
    hospital: str | None = None,
    refunds: bool = True,
) -> list[DailyTotal]:
    """See ``MedicalBilling.daily_totals``.

    Args:
        connection: a transaction.
        begins: first day, a ``date`` or ``YYYY-MM-DD``.
        ends: last day, likewise.
        hospital: one institution; default all.
        refunds: whether cancellations and refunds count (refd_setl_flag 1) or not (0).

    Raises:
        InvalidValue: not two days in order.
    """
    begins, ends = day_of(begins).isoformat(), day_of(ends).isoformat()
    keys = (_row.insutype, _row.clr_type, _row.setl_optins)
    query = sa.select(*keys, sa.func.count(), *_SUMS).where(*_where(begins, ends, hospital, refunds))
    out = []
    for insutype, clr_type, setl_optins, count, *halves in connection.execute(query.group_by(*keys).order_by(*keys)):
        sums = [int(high) * _HALF + int(low) for high, low in zip(halves[::2], halves[1::2], strict=True)]
        flag = "1" if refunds else "0"
        medfee, fund, account, cash = sums
        out.append(DailyTotal(insutype, clr_type, setl_optins, begins, ends, medfee, fund, account, cash, count, flag))
    return out


def details(
    connection: sa.Connection,
    begins: str | date,
    ends: str | date,
    *,
    hospital: str | None = None,
    refunds: bool = True,
) -> list[Detail]:
    """See ``MedicalBilling.details``; the arguments are those of ``daily_totals``."""
    taken = schema.settlement.alias()  # a cancellation or refund is of the visit it takes from
    bill = sa.func.coalesce(taken.c.bill, _row.bill)
    columns = (_row.setl_id, _row.insutype, _row.clr_type, _row.setl_optins, _row.reverses, _row.psn_no, bill)
    query = sa.select(*columns, *_AMOUNTS).outerjoin_from(schema.settlement, taken, taken.c.setl_id == _row.reverses)
    query = query.where(*_where(begins, ends, hospital, refunds)).order_by(_row.at, _row.setl_id)
    out = []
    for setl_id, insutype, clr_type, optins, reverses, psn_no, kept, *amounts in connection.execute(query):
        medfee, fund, account, cash = amounts
        visit = json.loads(kept)["mdtrt_id"] if kept else ""
        flag = "0" if reverses is None else "1"
        out.append(
            Detail(setl_id, insutype, clr_type, optins, flag, medfee, fund, account, cash, reverses, psn_no, visit)
        )
    return out


def day_of(day: str | date) -> date:
    """A day that is one already, or is written ``YYYY-MM-DD``; a moment is none.

    Example:
        >>> day_of("2014-07-31") == day_of(date(2014, 7, 31))
        True
    """
    try:
        return day if type(day) is date else date.fromisoformat(day)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        raise InvalidValue(message("medical.totals.day", found=shown(day)), step=_STEP, term="对账日期") from None


def _where(begins: str | date, ends: str | date, hospital: str | None, refunds: bool) -> list[Any]:
    first, last = day_of(begins), day_of(ends)
    if first > last:
        raise InvalidValue(message("medical.totals.days", first=first, last=last), step=_STEP, term="对账日期")
    where: list[Any] = [_row.at >= first.isoformat(), _row.at < (last + timedelta(days=1)).isoformat()]
    if hospital is not None:
        where.append(_row.hospital == hospital)
    if not refunds:
        where.append(_row.reverses.is_(None))
    return where
