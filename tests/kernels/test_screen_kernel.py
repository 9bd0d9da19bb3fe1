"""The screen's kernel: every level and the readable twin give the same lines, flags and keys, whatever the bytes."""

import struct
from datetime import date
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core import _kernels
from sbcard_core.fields import citizen_id
from sbcard_core.validation.blocks import NOTHING, Code
from sbcard_core.validation.context import Context
from sbcard_core.validation.layouts import SPECS
from sbcard_core.validation.program import Program, compile_program
from sbcard_core.validation.rules import RecordRules
from sbcard_core.validation.spec import layout_of

LEVELS = _kernels.kernel_levels("screen")
ON = date(2014, 7, 31)
ENCODINGS = ("utf-8", "gb18030")


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    """Each level this machine runs, the twin included."""
    return str(request.param)


@cache
def program(name: str, encoding: str, delimiter: str = ",", *, extra: int = 1) -> Program:
    """The program of a layout whose file has a column more than the layout asks for."""
    spec = SPECS[name]
    headers = [field.header for field in spec.fields] + ["备注"] * extra
    layout = layout_of(headers, spec, delimiter)
    assert layout is not None
    made = compile_program(spec, RecordRules(spec, Context.of(ON).sent_by("430100")), layout, encoding, lines=True)
    assert made is not None
    return made


def run(
    code: Code, raw: bytes, delimiter: bytes, level: str, edges: bytes = b""
) -> tuple[list[int], list[int], list[int]]:
    kernel, level = _kernels.choose("screen", level)
    count = kernel.count(raw, level)
    starts, flags, keys = np.empty(count + 1, np.uint32), np.full(count, 7, np.uint8), np.zeros(count, np.uint64)
    kernel.lines(code, raw, delimiter, edges, starts, flags, keys, level)
    return starts.tolist(), flags.tolist(), keys.tolist()


def _number(region: str, day: str, serial: int) -> str:
    body = f"{region}{day}{serial:03}"
    return body + citizen_id.check_digit(body)


NUMBERS = [_number("430102", "19491231", serial) for serial in (2, 21)]
NUMBERS += [
    _number(region, day, 21) for region, day in (("430122", "19990101"), ("430122", "20130101"), ("430199", "20000229"))
]
CELLS = {
    "id_number": [*NUMBERS, NUMBERS[0].lower(), "0" + NUMBERS[0][1:]],
    "name": ["张三", "买买提·阿不都", "张三·", "·张", "李珅", "㐂", "𠮷野", "龴" * 12, "龴" * 13, "Ali"],
    "sex": ["1", "2", "9", "3"],
    "birth": ["19491231", "19990101", "20130101", "20000229", "20140801", "19000229"],
    "county": ["430102", "430122", "430101"],
    "household_county": ["430102", "430200"],
    "valid_until": ["长期", "20200101", "20140730", "20991231", "21000101"],
    "account_no": ["6228480000000000017", "6228480000000000018", "622848000000", ""],
    "card_no": ["B00000019", "B00000018", "430102012", ""],
    "failed_stage": ["银行", "制卡", "", "行制"],
    "status": ["00", "01"],
    "certificate_type": ["01", "05", "99"],
    "atr": ["3B6D", "3B6", "3B" * 33, "3B" * 34],
    "bank": ["103", "", "099"],
    "ethnicity": ["01", "56", "57", "1"],
    "category": ["1", "5", "6"],
    "phone": ["13800138000", "12800138000", "1380013800"],
}  # fmt: skip
COMMON = ["1", "A-1_/z", "20140701", "", "13800138000", "某路(1)#2", "a" * 33, "0A" * 16, "CHN", "x"]
REST = ["", "备注", "a;b", '"', "\0", "\ud7ff￿", "𠮷", "é", "x" * 70]


@st.composite
def lines(draw: st.DrawFn, name: str, encoding: str, delimiter: str) -> bytes:
    spec, out = SPECS[name], b""
    for _ in range(draw(st.integers(0, 6))):
        row = [draw(st.sampled_from(CELLS.get(field.field, COMMON))) for field in spec.fields]
        row.append(draw(st.sampled_from(REST)))
        if draw(st.booleans()):
            at = draw(st.integers(0, len(row) - 1))
            row[at] = draw(st.sampled_from(['"{}"', '"{}', '{}"', '"{}""', "{} ", '""', "{}{}", "\t"])).format(
                row[at], "1"
            )
        line = delimiter.join(row).encode(encoding, "replace")
        if draw(st.integers(0, 4)) == 0 and line:
            at = draw(st.integers(0, len(line) - 1))
            line = line[:at] + draw(st.binary(max_size=3)) + line[at + draw(st.integers(0, 2)) :]
        out += line + draw(st.sampled_from([b"\n", b"\r\n", b"\r", b"\n", b"\r\n", b""]))
    return out


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", SPECS)
@given(data=st.data())
def test_levels_agree_on_records(name: str, encoding: str, data: st.DataObject) -> None:
    delimiter = data.draw(st.sampled_from([",", "\t", "|", ";"]))
    raw = data.draw(lines(name, encoding, delimiter))
    code = program(name, encoding, delimiter).code
    edges = data.draw(st.sampled_from([b"", b"HT", b"1"]))
    results = {level: run(code, raw, delimiter.encode(), level, edges) for level in LEVELS}
    assert all(found == results["reference"] for found in results.values()), results


PIECES = [b"\r", b"\n", b"|", b",", b'"', b"\xb0", b"\x80", b"0", b"\x81\x30", b"a", b"\0", b"\xe4"]


@given(
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=70)).map(b"".join),
    st.sampled_from([b"|", b","]),
    st.sampled_from(ENCODINGS),
    st.integers(0, 3),
)  # fmt: skip
def test_levels_agree_on_bytes(raw: bytes, delimiter: bytes, encoding: str, columns: int) -> None:
    everything = bytearray(b"\xff" * 8192)
    everything[0] &= 0xFE
    check = struct.Struct("=HHHHIIIIQ")
    checks = b"".join(check.pack(4, column, 1, 1, 0, 40, 0, 1, 0) for column in range(columns))
    checks += check.pack(8, columns, 0, 1, 0, 0, 0, 0, 0)
    code = (checks, b"", bytes(everything), encoding == "gb18030", columns + 1)
    results = {level: run(code, raw, delimiter, level) for level in LEVELS}
    assert all(found == results["reference"] for found in results.values()), results


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a"]) | st.binary(max_size=80)).map(b"".join))
def test_lines_are_counted_as_python_splits_them(raw: bytes) -> None:
    assert {_kernels.choose("screen", level)[0].count(raw, level) for level in LEVELS} == {len(raw.splitlines())}
    starts = np.cumsum([0, *(len(line) for line in raw.splitlines(keepends=True))]).tolist()
    assert all(run(NOTHING, raw, b",", level)[0] == starts for level in LEVELS)


@pytest.mark.parametrize("count", [1, 127, 128, 129, 1000])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_clean_lines_pass_and_give_their_key(level: str, count: int, encoding: str) -> None:
    number = NUMBERS[0]
    row = f"1,F1,{number},张三,2,01,19491231,13800138000,4,430102,103,20140701,备注"
    raw = "\r\n".join([row] * count).encode(encoding)
    code = program("collection", encoding).code
    assert run(code, raw, b",", level)[1:] == ([0] * count, [int(number[:17])] * count)
    broken = raw.replace("张三".encode(encoding), "张3".encode(encoding), 1)
    assert run(code, broken, b",", level)[1] == [1] + [0] * (count - 1)


FAULTS = [
    ("19491231,138", "19491230,138"),
    ("张三,2", "张三,1"),
    ("张三,2", "张三,"),
    ("430102,103", "430122,103"),
    (",103,", ",103,,"),
    (",备注", ""),
    ("备注", "\0"),
    ("备注", 'a"b"'),
    ("张三", '"张三'),
    ("张三", "张三 "),
    ("20140701", "20140801"),
    ("20140701", "20140631"),
    ("13800138000", "1380013800O"),
    ("备注", "𠮷"),
    ("F1", "F1" * 17),
]


@pytest.mark.parametrize(("old", "new"), FAULTS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_fault_is_looked_at_closer(level: str, encoding: str, old: str, new: str) -> None:
    row = f"1,F1,{NUMBERS[0]},张三,2,01,19491231,13800138000,4,430102,103,20140701,备注\n"
    raw = (row + row.replace(old, new) + row).encode(encoding)
    assert run(program("collection", encoding).code, raw, b",", level)[1] == [0, 1, 0]


def test_a_bar_inside_a_character_is_no_separator(level: str) -> None:
    name = b"\x85\x7c\xb0\xa1".decode("gb18030")  # its first character ends in 7C
    row = f"1|F1|{NUMBERS[0]}|{name}|2|01|19491231|13800138000|4|430102|103|20140701|\n".encode("gb18030")
    assert row.count(b"|") == 13
    assert run(program("collection", "gb18030", "|").code, row, b"|", level)[1] == [0]


BAD = [
    (struct.pack("=HHHHIIIIQ", 4, 0, 0, 1, 0, 0, 0, 1, 0), b"", b"\0" * 8191, True, 1),
    (struct.pack("=HHHHIIIIQ", 8, 3, 0, 1, 0, 0, 0, 0, 0), b"", b"", True, 3),
    (b"", struct.pack("=HHHHII16s", 1, 0, 0, 0, 0, 0, b""), b"", True, 1),
    (b"", b"", b"", True, 65),
]


@pytest.mark.parametrize("code", BAD)
@pytest.mark.parametrize("compiled", LEVELS[1:])
def test_an_unsound_program_is_refused(compiled: str, code: Code) -> None:
    with pytest.raises(ValueError, match="outside"):
        run(code, b"a\n", b",", compiled)


@pytest.mark.parametrize("compiled", LEVELS[1:])
def test_buffers_must_fit(compiled: str) -> None:
    kernel, found = _kernels.choose("screen", compiled)
    with pytest.raises(ValueError, match="one byte per line"):
        kernel.lines(NOTHING, b"a\nb\n", b",", b"", bytearray(8), bytearray(1), None, found)
    with pytest.raises(ValueError, match="one more than"):
        kernel.lines(NOTHING, b"a\nb\n", b",", b"", bytearray(8), bytearray(2), None, found)
