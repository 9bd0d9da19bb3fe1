"""Twin of ``_fast.idcheck``: GB 11643-1999 over contiguous rows, written to be read."""

import calendar

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHARACTERS, REGION, DATE, CHECK, SEX = 1, 2, 4, 8, 16


LEVELS = ("reference",)


def _is_date(text: str, today: int) -> bool:
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:])
    if not (1900 <= year <= 2075 and 1 <= month <= 12):
        return False
    if not 1 <= day <= calendar.monthrange(year, month)[1]:
        return False
    return (year - 1900) * 372 + (month - 1) * 31 + day - 1 <= today


def check_one(row: bytes, sex: int, regions: memoryview, today: int) -> int:
    """Status bits of one 18-byte row; ``sex`` is the byte of the sex column or 0."""
    body, last = row[:17], row[17:]
    if not (body.isdigit() and (last.isdigit() or last == b"X")):
        return CHARACTERS
    text = row.decode("ascii")
    found = 0
    code = int(text[:6])
    if not regions[code >> 3] >> (code & 7) & 1:
        found |= REGION
    if not _is_date(text[6:14], today):
        found |= DATE
    total = sum(weight * int(digit) for weight, digit in zip(WEIGHTS, text[:17], strict=True))
    if (total + (10 if last == b"X" else int(last))) % 11 != 1:
        found |= CHECK
    if sex in b"12" and int(text[16]) % 2 != (sex - ord("0")) % 2:
        found |= SEX
    return found


def check(rows: bytes, sex: bytes | None, regions: bytes, today: int, out: bytearray, _level: str) -> None:
    """Same call as the compiled kernel; the level has one value here."""
    view, bits = memoryview(rows).cast("B"), memoryview(regions).cast("B")
    states = memoryview(sex).cast("B") if sex is not None else None
    target = memoryview(out).cast("B")
    if len(view) != 18 * len(target) or (states is not None and len(states) != len(target)):
        raise ValueError("rows must be 18 bytes each, sex and out one byte each, for the same number of rows")
    if len(bits) != 125_000:
        raise ValueError("regions must be 1,000,000 bits")
    for i in range(len(target)):
        stated = states[i] if states is not None else 0
        target[i] = check_one(bytes(view[18 * i : 18 * i + 18]), stated, bits, today)
