"""What goes wrong in clerks' files, as functions from a right row to a wrong one.

Each fault names the finding it must lead to, so that the closing proof can
compare what was found with what was planted.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sbcard_core.fields import citizen_id
from sbcard_core.replay.population import Person

Row = list[str]
"""One record in the order of the collection file."""

SERIAL, FORM_NO, ID_NUMBER, NAME, SEX, ETHNICITY, BIRTH, PHONE, CATEGORY, COUNTY, BANK, SUBMITTED = range(12)

GARBLED = "\ue000garbled\ue000"
"""Stands for bytes that are no GB18030; the writer puts them in after encoding."""

GARBLED_BYTES = b"\x81\xff\xff\x80"


def row_of(person: Person, serial: int, form_no: str, bank: str, submitted: str) -> Row:
    """A right record."""
    return [
        str(serial),
        form_no,
        person.id_number,
        person.name,
        person.sex,
        person.ethnicity,
        person.birth.strftime("%Y%m%d"),
        person.phone,
        str(person.category.value),
        person.county,
        bank,
        submitted,
    ]


def _wrong_check(row: Row) -> Row:
    last = "1" if row[ID_NUMBER][-1] == "0" else "0"
    row[ID_NUMBER] = row[ID_NUMBER][:-1] + last
    return row


def _fifteen(row: Row) -> Row:
    # A 15-digit number is of somebody born in the last century.
    body = row[ID_NUMBER][:6] + "19" + "78" + row[ID_NUMBER][10:17]
    row[ID_NUMBER] = body[:6] + body[8:17]
    row[BIRTH] = body[6:14]
    return _no_leap_day(row)


def _no_leap_day(row: Row) -> Row:
    if row[BIRTH].endswith("0229"):
        row[BIRTH] = row[BIRTH][:-4] + "0228"
        row[ID_NUMBER] = row[ID_NUMBER].replace("0229", "0228")
    return row


def _other_birth(row: Row) -> Row:
    year = int(row[BIRTH][:4])
    row[BIRTH] = f"{year}0115" if row[BIRTH][4:] != "0115" else f"{year}0116"
    return row


def _other_sex(row: Row) -> Row:
    row[SEX] = "2" if row[SEX] == "1" else "1"
    return row


def _impossible_date(row: Row) -> Row:
    body = row[ID_NUMBER][:10] + "0230" + row[ID_NUMBER][14:17]
    row[ID_NUMBER] = body + citizen_id.check_digit(body)
    return row


def _long_name(row: Row) -> Row:
    row[NAME] = (row[NAME] * 26)[:26]
    return row


def _no_name(row: Row) -> Row:
    row[NAME] = ""
    return row


def _garbled(row: Row) -> Row:
    row[NAME] = GARBLED
    return row


def _column_too_many(row: Row) -> Row:
    return [*row[:PHONE], "", *row[PHONE:]]


def _bad_phone(row: Row) -> Row:
    row[PHONE] = row[PHONE][:-1]
    return row


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong, and the finding it must lead to."""

    code: str
    spoil: Callable[[Row], Row]


REFUSED = (
    Fault("id_number.check", _wrong_check),
    Fault("id_number.length15", _fifteen),
    Fault("id_number.birth_mismatch", _other_birth),
    Fault("id_number.sex_mismatch", _other_sex),
    Fault("id_number.date", _impossible_date),
    Fault("name.too_long", _long_name),
    Fault("name.missing", _no_name),
    Fault("record.undecodable", _garbled),
    Fault("record.columns", _column_too_many),
    Fault("phone.format", _bad_phone),
)
"""Faults of single records that refuse or quarantine them. Duplicates are planted by the writer of the files."""


def _full_width(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if char.isdigit() else char for char in text)


def repairable(row: Row, bits: int) -> str:
    """Spoil a right row in a way that is repaired and accepted; return the warning's code, or ""."""
    if row[ID_NUMBER].endswith("X") and bits % 2:
        row[ID_NUMBER] = row[ID_NUMBER][:-1] + "x"
        return "id_number.lowercase_x"
    if bits % 400 == 8:
        row[ID_NUMBER] = _full_width(row[ID_NUMBER])
        return "id_number.fullwidth"
    if "·" in row[NAME] and bits % 3 == 0:
        row[NAME] = row[NAME].replace("·", "•")
        return "name.dot"
    return ""
