"""The kernel of repeated numbers: every level and the twin agree with each other and with a plain dictionary."""

import struct
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbcard_core import _kernels

LEVELS = _kernels.kernel_levels("dedupe")
NONE = (1 << 64) - 1
SEEDS = st.binary(min_size=16, max_size=16)
KEYS = st.lists(st.one_of(st.integers(0, 40), st.integers(0, NONE)), max_size=300)
NUMBERS = st.one_of(
    st.binary(min_size=18, max_size=18),
    st.from_regex(r"[0-9]{17}[0-9X]", fullmatch=True).map(str.encode),
    st.builds(
        lambda row, at, byte: row[:at] + bytes([byte]) + row[at + 1 :],
        st.sampled_from([b"11010519491231002X", b"0" * 18, b"9" * 18]),
        st.integers(0, 17),
        st.one_of(st.sampled_from(b"/:09Xx*\xfa\xb0"), st.integers(0, 255)),
    ),
)


def module(level: str):
    return _kernels.choose("dedupe", level)[0]


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def packed(rows: bytes, level: str) -> tuple[list[int], list[int]]:
    n = len(rows) // 18
    keys, status = np.empty(n, np.uint64), bytearray(n)
    others = module(level).pack(rows, keys, status, level)
    assert others == sum(status)
    return keys.tolist(), list(status)


def marked(call: str, keys: list[int], level: str, bits: int = -1, seed: bytes = bytes(range(16))) -> list[int]:
    out = bytearray(b"\7" * len(keys))
    getattr(module(level), call)(np.array(keys, np.uint64), seed, bits, out, level)
    return list(out)


@given(st.lists(NUMBERS, max_size=40))
def test_a_key_is_the_number(rows: list[bytes]) -> None:
    for level in LEVELS:
        keys, status = packed(b"".join(rows), level)
        for row, key, bad in zip(rows, keys, status, strict=True):
            good = row[:17].isdigit() and row[17:] in b"0123456789X"
            assert bad == (not good)
            expected = int(row[:17]) * 11 + b"0123456789X".index(row[17:]) if good else NONE
            assert key == expected


@given(st.lists(st.one_of(NUMBERS, st.binary(max_size=30)), max_size=40), st.booleans(), st.binary(max_size=5))
def test_texts_and_views_get_the_same_keys(texts: list[bytes], wide: bool, before: bytes) -> None:
    data = before + b"".join(texts)
    offsets = np.cumsum([len(before), *map(len, texts)]).astype(np.int64 if wide else np.int32)
    views, place = b"", len(before)
    for text in texts:
        views += struct.pack("<i12s", len(text), text) if len(text) <= 12 else struct.pack(
            "<i4sii", len(text), text[:4], 1, place
        )  # fmt: skip
        place += len(text)
    expected = [packed(text, "reference")[0][0] if len(text) == 18 else NONE for text in texts]
    for level in LEVELS:
        for call, arguments in (("pack_texts", (data, offsets, wide)), ("pack_views", (views, [b"", data]))):
            keys, status = np.empty(len(texts), np.uint64), bytearray(len(texts))
            others = getattr(module(level), call)(*arguments, keys, status, level)
            assert keys.tolist() == expected
            assert list(status) == [key == NONE for key in expected]
            assert others == sum(status)


@pytest.mark.parametrize("offsets", [[0, 19], [5, 4], [-1, 3], [0, 2**31 - 1]])
def test_nothing_outside_the_text_is_read(level: str, offsets: list[int]) -> None:
    with pytest.raises(ValueError, match="outside"):
        module(level).pack_texts(
            b"1" * 18, np.array(offsets, np.int32), False, np.empty(1, np.uint64), bytearray(1), level
        )


@pytest.mark.parametrize(("block", "place"), [(1, 0), (-1, 0), (0, 1), (0, -1), (2**31 - 1, 2**31 - 1)])
def test_nothing_outside_a_block_is_read(level: str, block: int, place: int) -> None:
    view = struct.pack("<i4sii", 18, b"1111", block, place)
    with pytest.raises(ValueError, match="outside"):
        module(level).pack_views(view, [b"1" * 18], np.empty(1, np.uint64), bytearray(1), level)


@given(KEYS, SEEDS, st.sampled_from([-1, 0, 1, 3, 8]))
def test_marks_are_those_of_a_dictionary(keys: list[int], seed: bytes, bits: int) -> None:
    counts = Counter(keys)
    first = [int(key != NONE and key not in keys[:at]) for at, key in enumerate(keys)]
    repeated = [int(key != NONE and counts[key] > 1) for key in keys]
    for level in LEVELS:
        assert marked("mark_first", keys, level, bits, seed) == first
        assert marked("mark_repeated", keys, level, bits, seed) == repeated


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.sampled_from([1, 50, 20_000, 10**9]), st.sampled_from([0, 1, 5, 12]))
def test_many_keys_make_the_tables_grow(number: int, different: int, bits: int) -> None:
    """Parts with many more keys than the mean: all equal, few, and all different ones."""
    rng = np.random.default_rng(number)
    keys = rng.integers(0, different, 30_000).astype(np.uint64)
    _, firsts, where, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    first = np.zeros(len(keys), np.uint8)
    first[firsts] = 1
    for level in LEVELS[1:]:
        assert marked("mark_first", keys.tolist(), level, bits) == first.tolist()
        assert marked("mark_repeated", keys.tolist(), level, bits) == (counts[where] > 1).tolist()


def test_keys_that_heap_under_one_seed(level: str) -> None:
    """Under a bad seed every key starts at one slot: slower, never wrong."""
    keys = [at << 40 for at in range(600)] * 2
    for seed in (bytes(16), b"\1" + bytes(15), b"\xff" * 16):
        for bits in (0, 4):
            assert marked("mark_first", keys, level, bits, seed) == [1] * 600 + [0] * 600
            assert marked("mark_repeated", keys, level, bits, seed) == [1] * 1200


@given(KEYS, SEEDS, st.integers(1, 9))
def test_a_split_keeps_order_and_keys(keys: list[int], seed: bytes, bits: int) -> None:
    results = []
    for level in LEVELS:
        out, starts = np.empty(len(keys), np.uint64), np.empty((1 << bits) + 1, np.uint64)
        module(level).split(np.array(keys, np.uint64), seed, bits, out, starts, level)
        results.append((out.tolist(), starts.tolist()))
        part_of = {}
        for part in range(1 << bits):
            members = out[int(starts[part]) : int(starts[part + 1])].tolist()
            assert members == [key for key in keys if key in set(members)]
            for key in members:
                assert part_of.setdefault(key, part) == part
        assert len(out) == int(starts[-1])
    assert all(result == results[0] for result in results)


@given(KEYS, KEYS, SEEDS)
def test_a_set_that_grows(keys: list[int], wanted: list[int], seed: bytes) -> None:
    results = []
    for level in LEVELS:
        kernel = module(level)
        slots, used, at, told = np.zeros(64, np.uint64), 0, 0, []
        while at < len(keys):
            rest = np.array(keys[at:], np.uint64)
            out = bytearray(len(rest))
            taken, used = kernel.insert(slots, used, rest, seed, out, level)
            told += out[:taken]
            at += taken
            if at < len(keys):
                larger = np.zeros(2 * len(slots), np.uint64)
                kernel.move(slots, larger, level)
                slots = larger
        assert used == sum(told) == len(set(keys) - {NONE})
        assert told == marked("mark_first", keys, level)
        places = np.empty(len(wanted), np.int64)
        kernel.find(slots, np.array(wanted, np.uint64), seed, places, level)
        assert [place >= 0 for place in places] == [key in set(keys) - {NONE} for key in wanted]
        assert len(set(places[places >= 0].tolist())) == len(set(wanted) & set(keys) - {NONE})
        results.append(places.tolist())
    assert all(result == results[0] for result in results)


def test_wrong_sizes_are_refused(level: str) -> None:
    kernel, keys, seed = module(level), np.zeros(4, np.uint64), bytes(16)
    wrong = [
        lambda: kernel.pack(b"1" * 17, keys[:1], bytearray(1), level),
        lambda: kernel.pack(b"1" * 18, keys[:1], bytearray(2), level),
        lambda: kernel.pack_texts(b"", np.zeros(4, np.int32), False, keys, bytearray(4), level),
        lambda: kernel.pack_views(b"1" * 15, [], keys[:1], bytearray(1), level),
        lambda: kernel.mark_first(keys, seed, -1, bytearray(3), level),
        lambda: kernel.mark_first(keys, seed[1:], -1, bytearray(4), level),
        lambda: kernel.mark_repeated(keys, seed, 17, bytearray(4), level),
        lambda: kernel.split(keys, seed, 0, keys.copy(), np.zeros(2, np.uint64), level),
        lambda: kernel.split(keys, seed, 1, keys.copy(), np.zeros(2, np.uint64), level),
        lambda: kernel.insert(np.zeros(63, np.uint64), 0, keys, seed, bytearray(4), level),
        lambda: kernel.insert(np.zeros(32, np.uint64), 0, keys, seed, bytearray(4), level),
        lambda: kernel.move(np.zeros(64, np.uint64), np.zeros(64, np.uint64), level),
        lambda: kernel.find(np.zeros(64, np.uint64), keys, seed, bytearray(4), level),
    ]
    for call in wrong:
        with pytest.raises(ValueError):  # noqa: PT011
            call()


@pytest.mark.soak
def test_ten_million_keys_against_sorting() -> None:
    rng = np.random.default_rng(2014)
    keys = rng.integers(0, 9_000_000, 10_000_000).astype(np.uint64) * np.uint64(120_000_000_001)
    _, firsts, where, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    first = np.zeros(len(keys), np.uint8)
    first[firsts] = 1
    for level in LEVELS[1:]:
        for bits in (-1, 0):
            out = np.empty(len(keys), np.uint8)
            module(level).mark_first(keys, rng.bytes(16), bits, out, level)
            assert (out == first).all()
            module(level).mark_repeated(keys, rng.bytes(16), bits, out, level)
            assert (out == (counts[where] > 1)).all()
