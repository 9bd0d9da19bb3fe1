"""The other record layouts of the exchange: application, opening request and result, back-file, payout line.

Columns and codes follow the application record, the back-file and the concepts of public vendor code;
no bank's opening or payout layout is public, so those are our own (assumed). All of it is data.
"""

from collections import namedtuple
from dataclasses import replace
from datetime import date
from typing import Any

from sbcard_core.fields import name
from sbcard_core.fields.gb18030 import Encoding
from sbcard_core.validation.crosses import UNLIMITED, CrossRule
from sbcard_core.validation.spec import BY_NUMBER, COLLECTION, FieldSpec, RecordSpec, Sensitivity
from sbcard_core.values import Severity, mask_id

_VENDOR = "application record of public vendor code"
_OWN = "own layout (assumed)"
_BACK = "back-file of public vendor code"
_CARD_LAW = "居民身份证法 第五条"
_LAW_DAY = date(2004, 1, 1)

_NOT_ZEROS = r"(?=0*[1-9])[0-9]{1,32}"
"""An account of any bank's own form."""
_TEXT = r"[一-龥0-9A-Za-z()()#-]{1,60}"


def row_class(name: str, keys: tuple[str, ...]) -> Any:
    """A row class for a layout: one attribute per field, then ``line``; its repr hides all but the line.

    Example:
        >>> row_class("Sample", ("id_number",))("11010519491231002X", 2)
        Sample(id_number='110105********002X', line=2)
    """
    made = namedtuple(name, (*keys, "line"))  # type: ignore[misc]

    def shown(self: Any) -> str:
        number = f"id_number='{mask_id(self.id_number)}', " if "id_number" in keys else ""
        return f"{name}({number}line={self.line})"

    made.__repr__ = shown  # type: ignore[method-assign]
    made.__module__ = __name__
    return made


def field_of(key: str, **changes: Any) -> FieldSpec:
    """The collected record's field of that key, changed where said."""
    found = next(field for field in COLLECTION.fields if field.field == key)
    return replace(found, **changes)


def _keys(fields: tuple[FieldSpec, ...]) -> tuple[str, ...]:
    return tuple(field.field for field in fields)


def _text(header: str, key: str, code: str, *, required: bool = False, **more: Any) -> FieldSpec:
    return FieldSpec(header, key, "text", code, _TEXT, required=required, **more)


CERTIFICATE_TYPES = frozenset(f"{code:02}" for code in range(1, 9))
"""证件类型 01 identity card or household book … 08 foreign passport (two vendors agree)."""

APPLICATION_TYPES = frozenset("123567") | {"08"}
"""申请类型 of public vendor code: 1 in person … 7 change under warranty; 08 pre-made card."""

_APPLICATION = (
    field_of("form_no", required=False),
    field_of("id_number"),
    field_of("name"),
    FieldSpec("国家地区", "country", "code", "country.code", "[A-Z]{3}", frozenset({"CHN"}), source="GB/T 2659",
              severity=Severity.WARNING, optional=True, required=False),
    FieldSpec("证件类型", "certificate_type", "code", "certificate.type", "[0-9]{2}", CERTIFICATE_TYPES,
              source=_VENDOR),
    FieldSpec("证件号码", "certificate_no", "pattern", "certificate.number", "[0-9A-Z]{5,20}", source=_VENDOR,
              sensitivity=Sensitivity.NUMBER),
    FieldSpec("证件有效期", "valid_until", "validity", "certificate.format", f"[0-9]{{8}}|{UNLIMITED}", source=_VENDOR),
    field_of("sex"),
    field_of("ethnicity"),
    field_of("birth"),
    FieldSpec("户口区县", "household_county", "pattern", "county.code", "[0-9]{6}", source="GB/T 2260"),
    _text("户口地址", "household_address", "address.format", sensitivity=Sensitivity.NAME, source=_VENDOR,
          optional=True),
    field_of("phone"),
    _text("通讯地址", "address", "address.format", sensitivity=Sensitivity.NAME, source=_VENDOR, optional=True),
    field_of("category", optional=True, required=False),
    FieldSpec("监护人证件号码", "guardian_no", "pattern", "guardian.format", "[0-9A-Z]{5,20}", required=False,
              optional=True, sensitivity=Sensitivity.NUMBER, source=_VENDOR),
    FieldSpec("监护人姓名", "guardian_name", "name", "name.character", name.CLEAN, required=False, optional=True,
              sensitivity=Sensitivity.NAME, source="民委发〔2016〕33号"),
    field_of("bank"),
    FieldSpec("申请类型", "application_type", "code", "application.type", "[0-9]{1,2}", APPLICATION_TYPES,
              source=_VENDOR),
)  # fmt: skip

ApplicationRow = row_class("ApplicationRow", _keys(_APPLICATION))

APPLICATION = RecordSpec(
    "application",
    _APPLICATION,
    ApplicationRow,
    (
        *BY_NUMBER,
        CrossRule("certificate.number", "differ_when", ("certificate_no", "id_number", "certificate_type"), "01",
                  source="Social Insurance Law: the social security number is the citizen number"),
        CrossRule("certificate.expired", "expired", ("valid_until",), source=_VENDOR),
        CrossRule("certificate.unlimited", "unlimited_under", ("valid_until", "birth"), "46", Severity.WARNING,
                  _CARD_LAW, _LAW_DAY),
        CrossRule("certificate.too_long", "ends_after", ("valid_until",), "20", Severity.WARNING, _CARD_LAW, _LAW_DAY),
        CrossRule("guardian.missing", "guardian_under", ("birth", "guardian_no", "guardian_name"), "16",
                  source=f"{_VENDOR}; the age is assumed", blamed="guardian_no"),
        CrossRule("guardian.self", "equal", ("guardian_no", "id_number"), source="assumed"),
        CrossRule("address.other_city", "other_city", ("household_county",), "4", Severity.WARNING, "assumed"),
    ),
)  # fmt: skip
"""申办社保卡: the application record, with certificate, household and guardian."""

_BANK_NAME = field_of("name", max_bytes=50, bytes_in=Encoding.GB18030_2022)
"""A name as it goes to a bank; :func:`for_bank` makes a layout for one whose file is narrower."""

_OPENING_REQUEST = (
    field_of("seq"), field_of("form_no"), field_of("id_number"), _BANK_NAME, field_of("phone"),
    field_of("county"),
)  # fmt: skip
OpeningRequestRow = row_class("OpeningRequestRow", _keys(_OPENING_REQUEST))

OPENING_REQUEST = RecordSpec("opening_request", _OPENING_REQUEST, OpeningRequestRow, same=("name",))
"""开户申请: what a bank gets to open accounts."""

_ACCOUNT = FieldSpec("银行卡号", "account_no", "account", "account_no.format", "[0-9]{12,19}", required=False,
                     sensitivity=Sensitivity.NUMBER, source="ISO/IEC 7812; Luhn as a warning")  # fmt: skip

_OPENING_RESULT = (
    field_of("seq"),
    field_of("form_no"),
    FieldSpec("处理结果", "status", "exact", "status.code", "[0-9A-Z]{2}", source=_OWN),
    replace(_ACCOUNT, aliases=("账号", "金融账号")),
    _text("失败原因", "reason", "reason.format", source=_OWN),
    FieldSpec("办理日期", "answered_on", "day", "answered.format", "[0-9]{8}", source="GB/T 7408"),
)
OpeningResultRow = row_class("OpeningResultRow", _keys(_OPENING_RESULT))

OPENING_RESULT = RecordSpec(
    "opening_result",
    _OPENING_RESULT,
    OpeningResultRow,
    (
        CrossRule("account_no.missing", "empty_when", ("account_no", "status"), "00", source=_OWN),
        CrossRule("account_no.unexpected", "filled_when", ("account_no", "status"), "00", source=_OWN),
        CrossRule("reason.missing", "empty_unless", ("reason", "status"), "00", Severity.WARNING, _OWN),
    ),
    same=(),
)
"""开户结果: status 00 = opened, anything else failed for a reason."""

_BACK_FILE = (
    field_of("seq", required=False, optional=True),
    FieldSpec("社保卡号", "card_no", "card_number", "card_no.format", "[0-9A-Z]{8}[0-9X]", required=False,
              source="GB 11714 scheme, as in public vendor code"),
    field_of("id_number"),
    field_of("name", optional=True, required=False),
    FieldSpec("发卡日期", "issued_on", "day", "issued.format", "[0-9]{8}", required=False, optional=True, source=_BACK),
    FieldSpec("卡有效期", "expires_on", "validity", "expires.format", "[0-9]{8}", required=False, optional=True,
              source=_BACK),
    FieldSpec("卡识别码", "card_code", "pattern", "card_code.format", "[0-9A-F]{32}", required=False, source=_BACK),
    FieldSpec("卡复位码", "atr", "pattern", "atr.format", "(?:[0-9A-F]{2}){2,33}", required=False, optional=True,
              source="ISO/IEC 7816-3"),
    field_of("bank", required=False, optional=True),
    replace(_ACCOUNT, optional=True),
    FieldSpec("个人帐户", "personal_account", "exact", "account_no.format", _NOT_ZEROS, required=False,
              optional=True, aliases=("个人账户",), sensitivity=Sensitivity.NUMBER, source=_BACK),
    FieldSpec("金融帐户", "financial_account", "exact", "account_no.format", _NOT_ZEROS, required=False,
              optional=True, aliases=("金融账户",), sensitivity=Sensitivity.NUMBER, source=_BACK),
    _text("装箱位置", "box", "box.format", source=_BACK, optional=True),
    FieldSpec("失败环节", "failed_stage", "code", "stage.code", "银行|制卡", frozenset({"银行", "制卡"}),
              required=False, source=_BACK),
    _text("失败原因", "reason", "reason.format", source=_BACK),
)  # fmt: skip
BackFileRow = row_class("BackFileRow", _keys(_BACK_FILE))

BACK_FILE = RecordSpec(
    "back_file",
    _BACK_FILE,
    BackFileRow,
    (
        CrossRule("card_no.missing", "empty_when", ("card_no", "failed_stage"), "", source=_BACK),
        CrossRule("card_code.missing", "empty_when", ("card_code", "failed_stage"), "", source=_BACK),
        CrossRule("reason.missing", "empty_unless", ("reason", "failed_stage"), "", Severity.WARNING, _BACK),
    ),
    same=(),
    preamble=r"\s*(?:<批次号>[^<>]+(?:</批次号>)?<人数>\d+(?:</人数>)?|<[0-9A-Za-z-]+><\d+>)\s*",
)
"""制卡回盘: made or failed cards. Cities order the columns differently: only the header says which is which."""

_PAYOUT_LINE = (
    field_of("seq"),
    replace(_ACCOUNT, required=True, aliases=("账号",)),
    _BANK_NAME,
    field_of("id_number"),
    FieldSpec("金额", "amount_fen", "exact", "amount.format", "[1-9][0-9]{0,11}", source=_OWN),
    _text("用途", "purpose", "purpose.format", required=True, source=_OWN),
)
PayoutRow = row_class("PayoutRow", _keys(_PAYOUT_LINE))

PAYOUT_LINE = RecordSpec("payout_line", _PAYOUT_LINE, PayoutRow, same=())
"""代发明细: amounts in whole fen; nobody's account or amount is ever put right."""

SPECS: dict[str, RecordSpec] = {
    spec.name: spec for spec in (COLLECTION, APPLICATION, OPENING_REQUEST, OPENING_RESULT, BACK_FILE, PAYOUT_LINE)
}
"""Every layout by name."""


def for_bank(spec: RecordSpec, *, max_bytes: int, bytes_in: Encoding) -> RecordSpec:
    """A layout whose names must fit one bank's file: counted in its encoding, every character of it there.

    Banks with records of fixed length give a name 30 bytes of GBK (public vendor code); a longer name must go to
    such a bank by another way, so it is refused before the file is made, never cut.

    Args:
        spec: the layout.
        max_bytes: of the file's name field.
        bytes_in: the file's encoding.

    Example:
        >>> narrow = for_bank(PAYOUT_LINE, max_bytes=30, bytes_in=Encoding.GBK)
        >>> [(field.field, field.max_bytes) for field in narrow.fields if field.rule == "name"]
        [('name', 30)]
    """
    fields = tuple(
        replace(field, max_bytes=max_bytes, bytes_in=bytes_in) if field.rule == "name" else field
        for field in spec.fields
    )
    return replace(spec, fields=fields)


def bank_columns(spec: RecordSpec) -> tuple[str, ...]:
    """The columns of a bank file's detail lines for a layout: the line mark, then the fields in order.

    Example:
        >>> bank_columns(PAYOUT_LINE)
        ('行别', '序号', '银行卡号', '姓名', '社会保障号码', '金额', '用途')
    """
    return "行别", *(field.header for field in spec.fields)
