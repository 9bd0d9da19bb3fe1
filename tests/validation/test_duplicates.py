"""Duplicates against a plain dictionary over whole files."""

from collections import defaultdict
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from sbcard_core.fields import citizen_id
from sbcard_core.validation.check import check_files
from sbcard_core.validation.spec import COLLECTION

HEADER = ",".join(field.header for field in COLLECTION.fields)


def _number(serial: int) -> str:
    body = f"43010219491231{2 * serial:03}"
    return body + citizen_id.check_digit(body)


RECORD = st.tuples(st.integers(0, 4), st.sampled_from(["张三", "李四"]), st.sampled_from(["103", "999"]))
FILES = st.lists(st.lists(RECORD, max_size=8), min_size=1, max_size=3)


def _text(records: list[tuple[int, str, str]]) -> str:
    rows = (
        f"{at},F{at},{_number(serial)},{name},2,01,19491231,13800138000,4,430102,{bank},20140701"
        for at, (serial, name, bank) in enumerate(records)
    )
    return "\n".join([HEADER, *rows])


@settings(deadline=None)
@given(FILES)
def test_verdicts_equal_those_of_a_dictionary(files: list[list[tuple[int, str, str]]]) -> None:
    names: dict[int, set[str]] = defaultdict(set)
    for records in files:
        for serial, name, _ in records:
            names[serial].add(name)
    taken: set[int] = set()
    expected = []
    for file, records in enumerate(files):
        for line, (serial, name, bank) in enumerate(records, 2):
            if bank != "999" and len(names[serial]) == 1 and serial not in taken:
                taken.add(serial)
                expected.append((f"{file}.csv", line, name))
    with TemporaryDirectory() as folder:
        paths = [Path(folder, f"{at}.csv") for at in range(len(files))]
        for path, records in zip(paths, files, strict=True):
            path.write_text(_text(records), "gb18030")
        got = [
            (batch.file, row.line, row.name)
            for batch in check_files(paths, on=date(2014, 7, 31), batch_size=3)
            for row in batch.accepted
        ]
    assert got == expected
