"""What a check hands out: findings, batches and the sum of a file. Nothing here shows a full number in its repr."""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sbcard_core.fields import name, phone
from sbcard_core.validation.conflicts import Claim
from sbcard_core.validation.proposals import Proposal
from sbcard_core.validation.spec import Sensitivity
from sbcard_core.values import Disposition, Severity, mask_id

_LONG_NUMBER = re.compile(r"\d{7,}[Xx]?")
_HAN = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]{2,}")
_SHOWN = 40


def masked(value: str, sensitivity: Sensitivity) -> str:
    """The value as a finding may show it: hidden as its column demands, and by what it holds in a wrong column.

    Example:
        >>> masked("11010519491231002X", Sensitivity.NUMBER), masked("张三丰", Sensitivity.NAME)
        ('110105********002X', '张**')
        >>> masked("1949-12-31", Sensitivity.DATE), masked("11010519491231002X", Sensitivity.NONE)
        ('****-**-**', '110105********002X')
        >>> [masked(value, Sensitivity.NONE) for value in ("13800138000", "张三丰", "=A1")]
        ['138****8000', '张**', '=A1']
        >>> masked("张三", Sensitivity.NUMBER), masked("\u202e张三丰", Sensitivity.PHONE)
        ('张*', '张**')
    """
    is_plain = value.isascii() and value.isprintable()
    # A direction mark at the front would turn the text around it.
    value = (value if is_plain else name.visible(value))[:_SHOWN]
    has_digits = any(map(str.isdigit, value))
    match sensitivity:
        case Sensitivity.NAME:
            return value[:1] + "*" * (len(value) - 1)
        case Sensitivity.NUMBER if has_digits:
            value = mask_id(value) if len(value) in (15, 18) else value[:2] + "*" * (len(value) - 2)
        case Sensitivity.DATE:
            value = re.sub(r"\d", "*", value)
        case _:
            is_phone = sensitivity is Sensitivity.PHONE and has_digits
            value = _LONG_NUMBER.sub(_hidden, phone.mask(value) if is_phone else value)
    return value if is_plain else _HAN.sub(lambda found: found[0][0] + "*" * (len(found[0]) - 1), value)


def _hidden(found: re.Match[str]) -> str:
    number = found[0]
    if len(number) == 11 and number[0] == "1":
        return phone.mask(number)
    return mask_id(number) if len(number) > 10 else "*" * len(number)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or was put right, in one value of one record.

    Args:
        file: name of the collected file.
        line: 1-based line in it.
        field: English key of the field, "" for the whole record.
        code: e.g. ``"id_number.check"``, see :func:`~sbcard_core.validation.messages.words`.
        severity: only ERROR refuses the record.
        disposition: what became of the record in the end.
        value_masked: the value, hidden as its field demands.
        message_zh: for the clerk.
        message_en: for the log.
        repair: the value that was put in its place (of a 15-digit number with one reading: the 18 digits it stands
            for), "" if none; not hidden, so keep it out of logs.
        column: 1-based column in the file, 0 = none.
        source: document the rule stands in.
        proposals: values it may be, best first, each with its proof; never put in its place. Out of every repr.
    """

    file: str
    line: int
    field: str
    code: str
    severity: Severity
    disposition: Disposition
    value_masked: str
    message_zh: str
    message_en: str
    repair: str = dataclasses.field(default="", repr=False)
    column: int = 0
    source: str = ""
    proposals: tuple[Proposal, ...] = dataclasses.field(default=(), repr=False)


class Mark(NamedTuple):
    """What became of one record that has findings.

    ``bits`` has a bit set for each of its codes, in the order of ``rules.codes_of(spec)``.
    """

    line: int
    disposition: Disposition
    bits: int


@dataclass(frozen=True, slots=True)
class QuarantinedLine:
    """A line nobody could read as a record, with its original bytes (its end included)."""

    line: int
    raw: bytes = dataclasses.field(repr=False)


@dataclass(frozen=True, slots=True)
class FileSummary:
    """The sum of one file: ``accepted + rejected + quarantined == records``.

    Every line of a text file is in one of these: titles and header, records, blank lines (and edge lines of a bank
    file), further lines of a quoted cell. ``lines`` is their sum.

    Args:
        file: its name.
        sha256: hex digest of all its bytes.
        records: lines after the header that are not blank.
        accepted: records that went on.
        rejected: records with at least one error.
        quarantined: lines that are no records at all.
        header_refused: no usable header (every record was quarantined), or the file could not be read at all.
        counts: findings by code, those beyond the cap included.
        lines: physical lines of a text file, rows of a workbook or table.
        blank: those that hold nothing, or are edge lines of a bank file.
        continued: those that go on with a quoted cell of the record before.
    """

    file: str
    sha256: str
    records: int
    accepted: int
    rejected: int
    quarantined: int
    header_refused: bool = False
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    lines: int = 0
    blank: int = 0
    continued: int = 0


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """Some successive records of one file.

    Args:
        file: name of the file.
        path: where it lies.
        records: how many records came in.
        accepted: rows of the layout (``spec.CollectedPerson``), repaired, in file order.
        findings: everything found, by line.
        rejected: how many records were refused.
        quarantined: how many lines were put aside.
        quarantine: these lines; a refused header stands here too, though it is no record.
        summary: the sum of the file, with its last batch; None before.
        marks: every record that has findings (or no place), capped findings included.
        claims: what each record says whose right number stands in several records or was known before, refused ones
            included; for :func:`sbcard_core.validation.conflicts.settle`.
    """

    file: str
    path: Path
    records: int
    accepted: Sequence[Any] = dataclasses.field(repr=False)
    findings: list[Finding] = dataclasses.field(repr=False)
    rejected: int
    quarantined: int
    quarantine: list[QuarantinedLine] = dataclasses.field(repr=False)
    summary: FileSummary | None = None
    marks: list[Mark] = dataclasses.field(default_factory=list, repr=False)
    claims: list[Claim] = dataclasses.field(default_factory=list, repr=False)
