"""Proposals for a wrong citizen number: the numbers one slip away that every other column supports.

One slip is one wrong character or two neighbours swapped (:mod:`sbcard_core.validation.slips`). The rest
of the number's rules and the record's own columns thin the candidates out; what is left is ranked and
carries its proof. It is never applied: where two digits are wrong, a lone candidate is the wrong person
about half the time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import IntFlag

import numpy as np

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import citizen_id, region_history
from sbcard_core.fields.legacy import lengthen
from sbcard_core.validation.repair import ASK_ALWAYS, Kind, refuse_protected, repair_form
from sbcard_core.validation.slips import ASSUMED, Bytes, Candidates, Ints, Ranking, Slip, generate

_CHUNK = 8192
_PLACES = np.array([1000, 100, 10, 1], np.int64)


class Proof(IntFlag):
    """What speaks for a proposal; NUMBER, BIRTH and SEX are demanded of each where the column is filled."""

    NUMBER = 1
    """Characters, province, date and check character are right."""
    BIRTH = 2
    """Its date is the record's birth date."""
    SEX = 4
    """Its 17th digit is of the record's sex."""
    COUNTY = 8
    """Its first six digits are the record's county."""
    CITY = 16
    """Its first four digits are those of the record's county: the person may have moved inside the city."""
    PROVINCE = 32
    """Its first two digits are those of the record's county."""
    PLACE = 64
    """Its first six digits were a county's code at some time after its birth date (GB/T 2260)."""


_ZH = {
    Proof.NUMBER: "号码校验",
    Proof.BIRTH: "出生日期",
    Proof.SEX: "性别",
    Proof.COUNTY: "区县",
    Proof.CITY: "市州",
    Proof.PROVINCE: "省份",
    Proof.PLACE: "行政区划",
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """One value that may have been meant: a citizen number, or (slip FORM) any value in its right form.

    Args:
        value: for its own submitter only, so out of every repr.
        slip: what would have happened.
        place: 1-based place of the (first) changed character; 0 for LENGTH15 and FORM.
        proof: what speaks for it.
        rivals: how many other numbers one slip away pass the same demands (number, birth, sex).
        equals: how many of these rivals carry the very same proof; 0 = alone on its evidence.
    """

    value: str = field(repr=False)
    slip: Slip
    place: int
    proof: Proof
    rivals: int
    equals: int

    def reason_zh(self) -> str:
        """The proof for the clerk, without a digit of the number.

        Example:
            >>> Proposal("", Slip.SUBSTITUTION, 9, Proof.NUMBER | Proof.BIRTH, 0, 0).reason_zh()
            '第9位可能有误;与号码校验、出生日期相符;唯一候选'
        """
        where = {
            Slip.SUBSTITUTION: f"第{self.place}位可能有误",
            Slip.TRANSPOSITION: f"第{self.place}、{self.place + 1}位可能颠倒",
            Slip.LENGTH15: "15位旧号码升为18位",
            Slip.FORM: "仅书写形式不同",
        }[self.slip]
        if not self.proof:
            return where
        best = [flag for flag in Proof if flag in self.proof and not _is_said(flag, self.proof)]
        alone = "唯一候选" if not self.rivals else f"另有{self.rivals}个候选"
        return f"{where};与{'、'.join(_ZH[flag] for flag in best)}相符;{alone}"


def _is_said(flag: Proof, proof: Proof) -> bool:
    """A county says its city, a city its province, each of them that the place exists."""
    if flag is Proof.PLACE:
        return Proof.PROVINCE in proof
    return (flag is Proof.CITY and Proof.COUNTY in proof) or (flag is Proof.PROVINCE and Proof.CITY in proof)


def _column(values: Sequence[str] | None, width: int, rows: int) -> Bytes:
    """A column as characters, zeros where a value is empty or of another length."""
    if values is None:
        return np.zeros((rows, width), np.uint8)
    if len(values) != rows:
        raise InvalidValue("a column is not as long as the numbers", step="proposals", term="列长")
    text = "".join(value if len(value) == width else "\0" * width for value in values)
    return np.frombuffer(text.encode("ascii", "replace"), np.uint8).reshape(rows, width)


@dataclass(frozen=True, slots=True)
class _Columns:
    birth: Bytes
    sex: Bytes
    county: Bytes

    def demand(self, found: Candidates, on: date) -> Candidates:
        """The candidates that birth and sex allow and that are right numbers."""
        birth, sex = self.birth[found.row], self.sex[found.row, 0]
        dated = (found.chars[:, 6:14] == birth).all(axis=1) | (birth[:, 0] == 0)
        sexed = (found.chars[:, 16] % 2 == sex % 2) | ((sex != 49) & (sex != 50))
        found = found.keep(np.asarray(dated & sexed, np.bool_))
        clean = citizen_id.check_many(np.ascontiguousarray(found.chars).tobytes(), on=on)
        return found.keep(np.frombuffer(clean, np.uint8) == 0)

    def proof(self, found: Candidates) -> Ints:
        """What speaks for each, as bits of :class:`Proof`."""
        sex = self.sex[found.row, 0]
        same = found.chars[:, :6] == self.county[found.row]
        proof = np.full(len(found.row), int(Proof.NUMBER), np.int64)
        proof |= np.where(self.birth[found.row, 0] != 0, int(Proof.BIRTH), 0)
        proof |= np.where((sex == 49) | (sex == 50), int(Proof.SEX), 0)
        for digits, flag in ((6, Proof.COUNTY), (4, Proof.CITY), (2, Proof.PROVINCE)):
            proof |= np.where(same[:, :digits].all(axis=1), int(flag), 0)
        years = (found.chars[:, 6:10].astype(np.int64) - 48) @ _PLACES
        codes = np.ascontiguousarray(found.chars[:, :6]).tobytes()
        strange = region_history.check_many(codes, birth_years=years)
        return proof | np.where(np.frombuffer(strange, np.uint8) == 0, int(Proof.PLACE), 0)


_EVIDENCE = ((Proof.COUNTY, 8), (Proof.PLACE, 4), (Proof.CITY, 2), (Proof.PROVINCE, 1))


def _ranked(found: Candidates, proof: Ints) -> tuple[Candidates, Ints]:
    evidence = sum(np.where(proof & int(flag) != 0, weight, 0) for flag, weight in _EVIDENCE)
    order = np.lexsort((found.place, -found.weight, -np.asarray(evidence), found.row))
    return found.keep(order), proof[order]


def _proposals(found: Candidates, proof: Ints, out: list[list[Proposal]], at_most: int) -> None:
    rivals = np.bincount(found.row, minlength=len(out))[found.row] - 1
    _, group, counts = np.unique(found.row * 128 + proof, return_inverse=True, return_counts=True)
    text = found.chars.tobytes().decode("ascii")
    flags = {bits: Proof(bits) for bits in set(proof.tolist())}
    columns = (found.row, found.place, proof, rivals, counts[group] - 1)
    for index, (row, place, bits, others, equals) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
        if len(out[row]) < at_most:
            value = text[index * 18 : index * 18 + 18]
            slip = Slip.SUBSTITUTION if place < 18 else Slip.TRANSPOSITION
            out[row].append(Proposal(value, slip, place % 18 + 1, flags[bits], others, equals))


def _legacy(number: str, on: date, columns: _Columns, row: int) -> list[Proposal]:
    """Proposals for 15 digits, which are right or wrong as a whole."""
    birth, sex = bytes(columns.birth[row]).decode("ascii"), int(columns.sex[row, 0])
    stand = [value for value in lengthen(number, on=on) if birth[0] == "\0" or value[6:14] == birth]
    stand = [value for value in stand if sex not in (49, 50) or int(value[16]) % 2 == sex % 2]
    if not stand:
        return []
    chars = np.frombuffer("".join(stand).encode("ascii"), np.uint8).reshape(-1, 18)
    rows = np.full(len(stand), row, np.int64)
    proof = columns.proof(Candidates(rows, rows, rows, chars)).tolist()
    others = len(stand) - 1
    return [
        Proposal(value, Slip.LENGTH15, 0, Proof(bits), others, others) for value, bits in zip(stand, proof, strict=True)
    ]


def propose_many(
    numbers: Sequence[str],
    *,
    on: date,
    birth: Sequence[str] | None = None,
    sex: Sequence[str] | None = None,
    county: Sequence[str] | None = None,
    ranking: Ranking = ASSUMED,
    at_most: int = 10,
    kind: Kind = Kind.NUMBER,
) -> list[list[Proposal]]:
    """Propose repairs for many wrong citizen numbers at once.

    Every proposal is a right number one slip away that has the birth date and the sex of its own record;
    the county decides nothing, it only ranks, because a number keeps the county of its first issue. A right
    number gets no proposal, nor does one with two wrong digits that no single slip explains.

    Args:
        numbers: n values as written; form is put right first, other lengths than 15 and 18 get no proposal.
        on: the day the number must exist by.
        birth: n birth dates YYYYMMDD or "", or None.
        sex: n codes of GB/T 2261.1 or "", or None; only '1' and '2' are compared.
        county: n county codes or "", or None.
        ranking: likelihood of slips (assumed).
        at_most: proposals per row; ``rivals`` counts the rest too.
        kind: what the values are.

    Returns:
        One list per row, best first.

    Raises:
        RepairRefused: ``kind`` is money or a bank account.
        InvalidValue: a column of another length.

    Source: GB 11643-1999 (ISO 7064 MOD 11-2).

    Example:
        >>> on = date(2014, 7, 31)
        >>> wrong = ["11010519491231003X", "11010519491321002X", "11010519491231002X"]
        >>> found = propose_many(wrong, on=on, birth=["19491231"] * 3, sex=["2"] * 3, county=["110105"] * 3)
        >>> [[proposal.value for proposal in row if proposal.proof & Proof.COUNTY] for row in found]
        [['11010519491231002X'], ['11010519491231002X'], []]
        >>> found[1][0].slip, found[1][0].place, found[1][0].rivals
        (<Slip.TRANSPOSITION: 'transposition'>, 12, 0)
    """
    refuse_protected(kind)
    plain = [_plain(number) for number in numbers]
    columns = _Columns(_column(birth, 8, len(plain)), _column(sex, 1, len(plain)), _column(county, 6, len(plain)))
    out: list[list[Proposal]] = [[] for _ in plain]
    for row, number in enumerate(plain):
        if len(number) == 15:
            out[row] = _legacy(number, on, columns, row)[:at_most]
    full = np.array([row for row, number in enumerate(plain) if len(number) == 18], np.int64)
    for start in range(0, len(full), _CHUNK):
        rows = full[start : start + _CHUNK]
        text = "".join([plain[row] for row in rows.tolist()])
        found = generate(np.frombuffer(text.encode("ascii", "replace"), np.uint8).reshape(-1, 18), ranking)
        found.row = rows[found.row]
        found = columns.demand(found, on)
        _proposals(*_ranked(found, columns.proof(found)), out, at_most)
    return out


def _plain(number: str) -> str:
    if len(number) == 18 and number.isascii() and number.isalnum() and number[-1] != "x":
        return number
    form = repair_form(number, Kind.NUMBER, ASK_ALWAYS)
    return form.proposed or form.value


def propose(
    number: str,
    *,
    on: date,
    birth: str = "",
    sex: str = "",
    county: str = "",
    ranking: Ranking = ASSUMED,
    kind: Kind = Kind.NUMBER,
) -> list[Proposal]:
    """Propose repairs for one wrong citizen number; see :func:`propose_many`.

    Example:
        >>> best, *_ = propose("11010519491321002X", on=date(2014, 7, 31), birth="19491231")
        >>> best
        Proposal(slip=<Slip.TRANSPOSITION: 'transposition'>, place=12, proof=<Proof.NUMBER|BIRTH|PLACE: 67>, ...)
    """
    (found,) = propose_many([number], on=on, birth=[birth], sex=[sex], county=[county], ranking=ranking, kind=kind)
    return found
