"""The layouts of the files a bank and the card office send each other (报盘/回盘文件格式).

Own design: no public layout exists for opening and payout files, so a layout is data, which an integrator replaces by
the bank's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class FileSpec:
    """The layout of one kind of file: field names of its header, data and trailer lines, in order."""

    kind: str
    title_zh: str
    header: tuple[str, ...]
    line: tuple[str, ...]
    trailer: tuple[str, ...]


PAID_CODE = "00"
"""By which a bank says that it has done what a line asks."""
ACCOUNT_CODES: Mapping[str, str] = MappingProxyType(
    {
        "11": "无此账户",
        "12": "账户已销户",
        "13": "账户冻结",
        "14": "户名不符",
        "15": "证件号码不符",
        "16": "账户已挂失",
        "17": "账户状态异常",
        "18": "超过单笔限额",
    }
)
"""By which it says that the account allows neither a credit nor a debit. Own codes: no public table exists."""
OPENING_REQUEST = FileSpec(
    "OPENREQ",
    "开户申请文件",
    ("kind", "batch_no", "bank", "city", "date", "lines"),
    ("seq", "form_no", "id_number", "name", "phone", "county"),
    ("lines",),
)
OPENING_RESULT = FileSpec(
    "OPENRES",
    "开户结果文件",
    ("kind", "batch_no", "bank", "date"),
    ("seq", "form_no", "status", "account_no", "reason", "answered_on"),
    ("lines", "opened", "failed"),
)
PAYOUT_REQUEST = FileSpec(
    "PAYREQ",
    "代发文件",
    ("kind", "batch_no", "programme", "period", "bank", "date", "lines", "total_fen"),
    ("seq", "account_no", "name", "id_number", "amount_fen", "purpose"),
    ("lines", "total_fen"),
)
PAYOUT_RESULT = FileSpec(
    "PAYRES",
    "代发结果文件",
    ("kind", "batch_no", "bank", "date"),
    ("seq", "account_no", "amount_fen", "status", "reason"),
    ("lines", "paid", "paid_fen", "returned", "returned_fen"),
)
PAYOUT_INQUIRY = FileSpec(
    "PAYINQ",
    "代发查询文件",
    ("kind", "batch_no", "bank", "date", "lines", "total_fen"),
    ("seq", "account_no", "name", "id_number", "amount_fen"),
    ("lines", "total_fen"),
)
"""Asks what became of lines the bank has not, or not clearly, answered."""
PAYOUT_CONFIRMATION = FileSpec(
    "PAYCNF", "代发确认文件", PAYOUT_RESULT.header, PAYOUT_RESULT.line, PAYOUT_RESULT.trailer
)
"""Says it, for some or all of them."""
SPECS: Mapping[str, FileSpec] = {
    spec.kind: spec
    for spec in (OPENING_REQUEST, OPENING_RESULT, PAYOUT_REQUEST, PAYOUT_RESULT, PAYOUT_INQUIRY, PAYOUT_CONFIRMATION)
}


def compact_date(day: date) -> str:
    """A date as these files write it, ``YYYYMMDD``.

    Example:
        >>> compact_date(date(2014, 7, 28))
        '20140728'
    """
    return day.isoformat().replace("-", "")


def iso_date(text: str) -> str | None:
    """``YYYYMMDD`` as ``YYYY-MM-DD``, or None when it is no date.

    Example:
        >>> iso_date("20140731"), iso_date("20140732")
        ('2014-07-31', None)
    """
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        return None
    iso = f"{text[:4]}-{text[4:6]}-{text[6:]}"
    try:
        date.fromisoformat(iso)
    except ValueError:
        return None
    return iso
