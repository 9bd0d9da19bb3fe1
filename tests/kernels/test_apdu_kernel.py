"""The APDU kernel: the compiled code and the readable twin agree on every call, and on every refusal."""

import copy
import pickle
from array import array
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import apdu
from apdu import CommandAPDU
from sbcard_core import _kernels
from sbcard_core.errors import InvalidValue

LEVELS = _kernels.kernel_levels("apdu")
MODULES = [_kernels.choose("apdu", level)[0] for level in ("portable", "reference")]


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    """Each level this machine runs, the twin included."""
    return str(request.param)


class Lost(Exception):
    pass


class Refused(Exception):
    pass


CODECS = [module.Codec(Refused, Lost) for module in MODULES]


def outcome(call: Any, *arguments: Any) -> Any:
    """What a call gives, or the type of what it raises."""
    try:
        return call(*arguments)
    except (Refused, Lost, TypeError, ValueError, OverflowError) as error:
        return type(error)


number = st.one_of(st.integers(-2, 300), st.sampled_from([1 << 31, 1 << 63, 1 << 64, -(1 << 70)]))
length = st.one_of(st.integers(0, 40), st.sampled_from([255, 256, 257, 65535, 65536]))
ne = st.one_of(st.integers(-2, 300), st.sampled_from([65535, 65536, 65537, 1 << 40]))


@given(number, number, number, number, length, ne)
def test_encode_agrees(cla: int, ins: int, p1: int, p2: int, size: int, answer: int) -> None:
    data = bytes(i * 7 & 0xFF for i in range(size))
    ours, twin = (outcome(codec.encode, cla, ins, p1, p2, data, answer) for codec in CODECS)
    assert ours == twin
    if isinstance(ours, bytes):
        command = CommandAPDU(cla, ins, p1, p2, data, answer)
        assert command.encode() == ours
        assert CommandAPDU.decode(ours) == command


@given(
    st.one_of(
        st.binary(max_size=300),
        st.builds(lambda h, b: h + b"\0" + b, st.binary(min_size=4, max_size=4), st.binary(max_size=12)),
    )
)
def test_decode_agrees_and_gives_the_same_bytes_back(wire: bytes) -> None:
    ours, twin = (outcome(module.Command.decode, wire) for module in MODULES)
    if isinstance(ours, type):
        assert ours is twin
        return
    assert ours._fields() == twin._fields()
    assert ours.encode() == twin.encode() == wire
    assert (ours.nc, ours.header) == (twin.nc, twin.header)


@given(st.binary(max_size=40))
def test_decode_response_agrees(wire: bytes) -> None:
    ours, twin = (outcome(codec.decode_response, wire) for codec in CODECS)
    assert ours == twin
    assert ours is Lost if len(wire) < 2 else ours == (wire[:-2], int.from_bytes(wire[-2:], "big"))


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("wrong", ["00A4", 5, None, [1, 2], 1.5])
def test_what_is_no_bytes_is_a_type_error(module: Any, wrong: Any) -> None:
    for call in (
        module.Command.decode,
        lambda data: module.Command(0, 0, 0, 0, data),
        module.Codec(Refused, Lost).decode_response,
    ):
        with pytest.raises(TypeError):
            call(wrong)
    with pytest.raises(TypeError):
        module.Command("0", 0, 0, 0)
    with pytest.raises(TypeError):
        module.Command(0.0, 0, 0, 0)


@pytest.mark.parametrize("module", MODULES)
def test_any_buffer_is_bytes_and_is_copied(module: Any) -> None:
    data = bytearray(b"\x3f\x00")
    command = module.Command(0, 0xA4, 0, 0, data)
    data[0] = 0
    assert command.data == b"\x3f\x00"
    wire = command.encode()
    assert module.Command.decode(memoryview(wire)) == command == module.Command.decode(np.frombuffer(wire, np.uint8))


@pytest.mark.parametrize("module", MODULES)
def test_a_command_is_a_value(module: Any) -> None:
    one, same, other = (
        module.Command(0, 0xA4, 0, 0, b"ab", 3),
        module.Command(0, 0xA4, 0, 0, b"ab", 3),
        module.Command(),
    )
    assert one == same != other
    assert hash(one) == hash(same)
    assert {one, same} == {one}
    assert one != "00A4"
    for name in ("cla", "data", "ne", "extended", "new"):
        with pytest.raises(AttributeError):
            setattr(one, name, 1)
        with pytest.raises(AttributeError):
            delattr(one, name)
    assert copy.copy(one) == copy.deepcopy(one) == one


def test_commands_travel_between_processes() -> None:
    command = CommandAPDU(0, 0xA4, 4, 0, b"abc", 256, True)
    assert pickle.loads(pickle.dumps(command)) == command
    assert type(copy.copy(command)) is CommandAPDU
    with pytest.raises(AttributeError):
        command.note = "x"  # type: ignore[attr-defined]


def test_extended_is_dropped_where_there_is_no_length() -> None:
    assert not CommandAPDU(0, 0, 0, 0, extended=True).extended
    assert CommandAPDU(0, 0, 0, 0, ne=1, extended=True).encode().hex() == "00000000000001"


items = st.lists(
    st.tuples(
        st.binary(min_size=4, max_size=4),
        st.one_of(st.integers(0, 40), st.sampled_from([127, 128, 129, 200, 254, 255, 256, 300, 65535, 65536])),
        st.one_of(st.integers(0, 300), st.sampled_from([-1, 65536, 65537])),
    ),
    max_size=9,
)


@given(items, st.integers(0, 5))
def test_batches_are_the_commands_one_by_one(rows: list[tuple[bytes, int, int]], skipped: int) -> None:
    places = array("q", [skipped])
    for _, size, _ in rows:
        places.append(places[-1] + size)
    data = bytes(i * 31 >> 3 & 0xFF for i in range(places[-1] + 3))
    answers = array("i", [row[2] for row in rows])
    results = [apdu.encode_many(b"".join(r[0] for r in rows), data, places, ne=answers, level=lv) for lv in LEVELS]
    assert all(result == results[0] for result in results)
    buffer, offsets = results[0]
    assert offsets[0] == 0
    for i, (header, _, answer) in enumerate(rows):
        expected = outcome(CODECS[0].encode, *header, data[places[i] : places[i + 1]], answer)
        assert buffer[offsets[i] : offsets[i + 1]] == (b"" if expected is Refused else expected)


@given(st.integers(0, 300), st.integers(0, 7), st.sampled_from([0, 1, 8, 256, 257, 65536]), st.booleans())
def test_batches_of_one_length(size: int, n: int, answer: int, one_header: bool) -> None:
    data = bytes(i * 13 & 0xFF for i in range(n * size))
    headers = b"\x00\xd6\x81\x00" if one_header else bytes(i & 0xFF for i in range(4 * n))
    if not n or not size:
        return
    results = [bytes(apdu.encode_many(headers, data, length=size, ne=answer, level=lv).buffer) for lv in LEVELS]
    by_offsets = apdu.encode_many(headers, data, array("q", range(0, n * size + 1, size)), ne=answer).buffer
    assert len({*results, bytes(by_offsets)}) == 1
    heads = [headers if one_header else headers[4 * i : 4 * i + 4] for i in range(n)]
    assert results[0] == b"".join(apdu.encode(*heads[i], data[i * size : (i + 1) * size], answer) for i in range(n))


def test_batches_without_data(level: str) -> None:
    made = apdu.encode_many(bytes.fromhex("0084000000B20104"), ne=8, level=level)
    assert (made.buffer, made.offsets.tolist()) == (bytes.fromhex("008400000800B2010408"), [0, 5, 10])
    assert apdu.encode_many(b"", level=level) == (b"", array("q", [0]))


def test_batches_into_memory_used_again(level: str) -> None:
    out = bytearray(b"\xee" * 40)
    made = apdu.encode_many(b"\0\xd6\0\0", bytes(range(6)), length=2, out=out, level=level)
    assert bytes(made.buffer).hex() == "00d6000002000100d6000002020300d60000020405"
    assert out[21:] == b"\xee" * 19
    with pytest.raises(InvalidValue, match="room"):
        apdu.encode_many(b"\0\xd6\0\0", bytes(40), length=2, out=out, level=level)
    for read_only in (bytes(40), memoryview(bytes(40))):
        with pytest.raises((BufferError, TypeError)):
            apdu.encode_many(b"\0\xd6\0\0", bytes(2), length=2, out=read_only, level=level)


@pytest.mark.parametrize(
    "arguments",
    [
        {"headers": bytes(3)},
        {"headers": bytes(8), "data": bytes(4), "length": 4},
        {"headers": bytes(4), "data": bytes(4)},
        {"headers": bytes(4), "data": bytes(5), "length": 2},
        {"headers": bytes(4), "data": bytes(4), "length": -2},
        {"headers": bytes(4), "data": bytes(65536), "length": 65536},
        {"headers": bytes(4), "data": bytes(4), "offsets": array("q")},
        {"headers": bytes(4), "data": bytes(4), "offsets": array("q", [0, 5])},
        {"headers": bytes(4), "data": bytes(4), "offsets": array("q", [-1, 4])},
        {"headers": bytes(4), "data": bytes(4), "offsets": array("q", [0, 3, 2, 4])},
        {"headers": bytes(4), "data": bytes(4), "offsets": array("q", [0, 1 << 62, -(1 << 63), -(1 << 62), -2, 3])},
        {"headers": bytes(4), "data": bytes(4), "offsets": array("q", [0, 1 << 62, -(1 << 63), -(1 << 62), 0])},
        {"headers": bytes(4), "data": bytes(4), "offsets": array("i", [0, 4])},
        {"headers": bytes(4), "data": bytes(4), "offsets": array("d", [0, 4])},
        {"headers": bytes(4), "data": bytes(4), "length": 4, "ne": array("i", [1, 2])},
        {"headers": bytes(4), "data": bytes(4), "length": 4, "ne": array("q", [1])},
        {"headers": bytes(4), "data": bytes(4), "length": 4, "ne": 65537},
        {"headers": bytes(4), "data": bytes(4), "length": 4, "ne": -1},
        {"headers": bytes(4), "data": bytes(4), "length": 1 << 70},
    ],
)
def test_buffers_that_do_not_fit_each_other(level: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        apdu.encode_many(**arguments, level=level)


@given(st.lists(st.binary(max_size=30), max_size=9), st.binary(max_size=3))
def test_answers_taken_apart(answers: list[bytes], head: bytes) -> None:
    places = array("q", [len(head)])
    for answer in answers:
        places.append(places[-1] + len(answer))
    buffer = head + b"".join(answers)
    results = [apdu.decode_many(buffer, places, level=lv) for lv in LEVELS]
    assert all(result == results[0] for result in results)
    for i, answer in enumerate(answers):
        data = buffer[places[i] : results[0].ends[i]]
        if len(answer) < 2:
            assert (data, results[0].sw[i]) == (b"", 0)
        else:
            assert (data, results[0].sw[i]) == apdu.decode_response(answer)


def test_answers_of_one_length_and_numpy(level: str) -> None:
    buffer = np.frombuffer(bytes.fromhex("01029000" + "03046A83"), np.uint8)
    found = apdu.decode_many(buffer, length=4, level=level)
    assert (found.ends.tolist(), found.sw.tolist()) == ([2, 6], [0x9000, 0x6A83])
    assert np.frombuffer(found.sw, np.uint16).tolist() == [0x9000, 0x6A83]
    with pytest.raises(InvalidValue):
        apdu.decode_many(buffer, length=3, level=level)
    for wrong in ([0, 9], [-1, 4], [4, 2], [0, 1 << 62, -(1 << 63), -(1 << 62), -2, 3]):
        with pytest.raises(InvalidValue):
            apdu.decode_many(buffer, np.array(wrong, np.int64), level=level)
