"""Record layouts as tables: one row per column says what a clean value is and what a bad one weighs."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import name, region
from sbcard_core.fields.gb18030 import Encoding
from sbcard_core.messages import Message, message
from sbcard_core.validation.crosses import CrossRule
from sbcard_core.validation.titles import plain_header
from sbcard_core.values import PersonCategory, Severity, mask_id


class Sensitivity(StrEnum):
    """How a value is hidden in findings."""

    NONE = "none"
    NUMBER = "number"
    NAME = "name"
    PHONE = "phone"
    DATE = "date"
    """A birth date: it would complete a masked citizen number."""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One column of a record.

    Args:
        header: the column's Chinese header.
        field: its English key.
        rule: key of :data:`sbcard_core.validation.rules.RULES`.
        code: finding code for a bad value, where the rule names no finer one.
        clean: regular expression of a value that needs no further look (the fast path);
            it must match no comma, quote or line end.
        allowed: the only values, or None; for the rule ``county`` its provinces count, the day of the check says
            which codes are in force.
        required: whether an empty value is an error.
        missing: finding code for an empty value ("" = ``code``).
        sensitivity: how findings hide the value.
        severity: what an unrepaired bad value weighs; ERROR refuses the record.
        source: document the rule stands in, or "assumed".
        effective: first day the rule holds; before it any value is clean.
        aliases: other headers of the same column, looked for where its own is not there.
        optional: whether a file may lack the column; its values are empty then.
        max_bytes: of a name: bytes the target file's field holds; 0 = the 50 every system must hold.
        bytes_in: of a name: the target file's encoding, in which these bytes are counted and which must have
            every character.
    """

    header: str
    field: str
    rule: str
    code: str
    clean: str
    allowed: frozenset[str] | None = None
    required: bool = True
    missing: str = ""
    sensitivity: Sensitivity = Sensitivity.NONE
    severity: Severity = Severity.ERROR
    source: str = "assumed"
    effective: date = date(2014, 1, 1)
    aliases: tuple[str, ...] = ()
    optional: bool = False
    max_bytes: int = 0
    bytes_in: Encoding = Encoding.GB18030


@dataclass(frozen=True, slots=True)
class RecordSpec:
    """A record layout.

    Args:
        name: key of the layout.
        fields: columns in the order of an accepted row; files may order them otherwise, the header decides.
        row: builds an accepted row from the values in this order and the line number.
        crosses: rules over several fields.
        same: fields that tell one person sent twice from two persons under one number; () = numbers may repeat.
        preamble: regular expression of lines that may stand before the header.

    Raises:
        InvalidValue: a field the duplicate search needs is missing, or one stands twice.
    """

    name: str
    fields: tuple[FieldSpec, ...]
    row: Any  # a NamedTuple class: one attribute per field, then ``line``
    crosses: tuple[CrossRule, ...] = ()
    same: tuple[str, ...] = ("name", "birth", "sex")
    preamble: str = ""

    def __post_init__(self) -> None:
        keys = [field.field for field in self.fields]
        needed = {"id_number", *self.same} if self.same else set()
        if len(set(keys)) != len(keys) or not needed <= set(keys):
            what = f"a record needs {', '.join(sorted(needed))}, each field once"
            raise InvalidValue(what, step="spec", term="记录格式")

    def index(self, field: str) -> int:
        """Position of a field in an accepted row."""
        return [spec.field for spec in self.fields].index(field)

    def header_of(self, field: str) -> str:
        """The Chinese header of a field; the key itself where there is no such field."""
        return next((spec.header for spec in self.fields if spec.field == field), field)


class CollectedPerson(NamedTuple):
    """An accepted record, every value as it is stored; dates YYYYMMDD; ``line`` is 1-based in the file."""

    seq: str
    form_no: str
    id_number: str
    name: str
    sex: str
    ethnicity: str
    birth: str
    phone: str
    category: str
    county: str
    bank: str
    submitted_on: str
    line: int

    def __repr__(self) -> str:
        return f"CollectedPerson(id_number='{mask_id(self.id_number)}', line={self.line})"


ETHNICITIES = frozenset([f"{code:02}" for code in range(1, 57)] + ["97", "98"])
"""民族 codes: 01 to 56, 97 others, 98 foreign descent (GB/T 3304 as commonly quoted; the text was not at hand)."""

_LAYOUT = "own layout after the application record of public vendor code (assumed)"

BY_NUMBER = (
    CrossRule("id_number.birth_mismatch", "birth_in_number", ("id_number", "birth"), source="GB 11643-1999"),
    CrossRule("id_number.sex_mismatch", "sex_in_number", ("id_number", "sex"), source="GB 11643-1999"),
)
"""Birth date and sex against the number that carries them."""

COLLECTION = RecordSpec(
    "collection",
    (
        FieldSpec("序号", "seq", "pattern", "seq.format", r"[0-9]{1,9}", severity=Severity.WARNING, source=_LAYOUT),
        FieldSpec("申领表编码", "form_no", "pattern", "form_no.format", r"[0-9A-Za-z_/-]{1,32}", source=_LAYOUT),
        FieldSpec(
            "社会保障号码",
            "id_number",
            "id_number",
            "id_number.characters",
            r"[1-9][0-9]{16}[0-9X]",
            missing="id_number.missing",
            sensitivity=Sensitivity.NUMBER,
            source="GB 11643-1999",
            aliases=("社会保障号", "公民身份号码", "身份证号码", "身份证号"),
        ),
        FieldSpec(
            "姓名",
            "name",
            "name",
            "name.character",
            name.CLEAN,
            missing="name.missing",
            sensitivity=Sensitivity.NAME,
            source="民委发〔2016〕33号",
        ),
        FieldSpec("性别", "sex", "pattern", "sex.code", "[129]", source="GB/T 2261.1"),
        FieldSpec("民族", "ethnicity", "ethnicity", "ethnicity.code", "[0-9]{2}", ETHNICITIES, source="GB/T 3304"),
        FieldSpec(
            "出生日期", "birth", "day", "birth.format", "[0-9]{8}", sensitivity=Sensitivity.DATE, source="GB/T 7408"
        ),
        FieldSpec(
            "联系手机",
            "phone",
            "phone",
            "phone.format",
            "1[3-9][0-9]{9}",
            sensitivity=Sensitivity.PHONE,
            source="a municipal collection template",
        ),
        FieldSpec(
            "人员类别",
            "category",
            "code",
            "category.code",
            "[1-5]",
            frozenset(str(category.value) for category in PersonCategory),
            source="the five groups of the 2014 letter, own codes (assumed)",
        ),
        FieldSpec(
            "区县代码",
            "county",
            "county",
            "county.code",
            "[0-9]{6}",
            region.county_codes(),
            source="GB/T 2260 as in force on the day of the check",
        ),
        FieldSpec(
            "服务银行",
            "bank",
            "pattern",
            "bank.code",
            "[1-9][0-9]{2}",
            source="the 3 digits of a bank in CNAPS (行别代码), any bank: fields.BankCode",
        ),
        FieldSpec("上报日期", "submitted_on", "day", "submitted.format", "[0-9]{8}", source="GB/T 7408"),
    ),
    CollectedPerson,
    BY_NUMBER,
)
"""The collected record. No layout of Hunan's is public: columns follow public vendor code, codes are our own."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a file keeps the columns of a spec, read from its header row.

    Args:
        columns: cells per record, unknown columns included.
        order: column of each field of the spec, -1 where the file lacks an optional one.
        clean: matches a whole record whose every value is clean; one group per field, in file order.
        groups: 0-based group of each field of the spec.
        delimiter: what stands between cells.
        edges: first characters of lines that are no records.
    """

    columns: int
    order: tuple[int, ...]
    clean: re.Pattern[str]
    groups: tuple[int, ...]
    delimiter: str = ","
    edges: str = ""


SHORT_NAME = 10
"""Bytes a .dbf file's column name holds."""


def _places(names: Sequence[str], field: FieldSpec, *, short: bool) -> list[int]:
    """Where a field's column stands among plain headers: under its own header, else under an alias."""
    for words in ((field.header,), field.aliases):
        plain = {plain_header(word) for word in words}
        if short:
            plain |= {word.encode("gb18030")[:SHORT_NAME].decode("gb18030", "ignore") for word in plain}
        if found := [at for at, name in enumerate(names) if name in plain]:
            return found
    return []


class HeaderFault(NamedTuple):
    """Why a row is no header of a layout: columns it lacks, and columns that stand there twice.

    ``passed_over`` names other sheets of the workbook that hold people and were not read, whatever the header is.
    """

    lacking: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """What is wrong with the columns."""
        parts = {"lacking": self.lacking, "doubled": self.doubled}
        return tuple(
            message(f"validation.file.header.{what}", columns="、".join(columns))
            for what, columns in parts.items()
            if columns
        )


NO_FAULT = HeaderFault()


def header_fault(rows: Iterable[Sequence[str]], spec: RecordSpec) -> HeaderFault:
    """What the row that comes nearest to a header is lacking; nothing where no row is near.

    Example:
        >>> header_fault([["采集表"], ["序号", "姓名", "姓名"]], COLLECTION).doubled
        ('姓名',)
    """
    best, most = NO_FAULT, 1
    for row in rows:
        names = [plain_header(cell) for cell in row]
        places = {field: _places(names, field, short=False) for field in spec.fields}
        if (known := sum(map(bool, places.values()))) > most:
            lacking = tuple(field.header for field, at in places.items() if not at and not field.optional)
            best, most = HeaderFault(lacking, tuple(field.header for field, at in places.items() if len(at) > 1)), known
    return best


def layout_of(
    cells: list[str], spec: RecordSpec, delimiter: str = ",", *, edges: str = "", short: bool = False
) -> Layout | None:
    """The layout a header row declares, or None where a column is missing or stands twice (:func:`header_fault`).

    Args:
        cells: the row.
        spec: the record layout.
        delimiter: what stands between cells.
        edges: first characters of lines that are no records.
        short: whether names may be cut after :data:`SHORT_NAME` bytes.

    Example:
        >>> layout_of([field.header for field in COLLECTION.fields], COLLECTION).order == tuple(range(12))
        True
        >>> layout_of(["序号", "姓名"], COLLECTION) is None
        True
    """
    names = [plain_header(cell) for cell in cells]
    order = []
    for field in spec.fields:
        found = _places(names, field, short=short)
        if len(found) > 1 or not (found or field.optional):
            return None
        order.append(found[0] if found else -1)
    patterns = [f'[^{re.escape(delimiter)}"]*'] * len(names)
    for field, column in zip(spec.fields, order, strict=True):
        if column >= 0:
            patterns[column] = f"({field.clean})" if field.required else f"((?:{field.clean})?)"
    ranks = sorted(column for column in order if column >= 0)
    absent = order.count(-1)  # each stands as an empty group behind the record
    rest = iter(range(len(ranks), len(order)))
    groups = tuple(ranks.index(column) if column >= 0 else next(rest) for column in order)
    clean = re.compile(re.escape(delimiter).join(patterns) + "()" * absent)
    return Layout(len(names), tuple(order), clean, groups, delimiter, edges)
