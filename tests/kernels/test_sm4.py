"""The SM4 kernel: every level and the readable twin give the same bytes, and the bytes are right."""

import json
import random
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from gmssl import sm4 as gmssl_sm4
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core import _kernels

ROOT = Path(__file__).resolve().parents[2]
LEVELS = _kernels.kernel_levels("sm4")
COMPILED = LEVELS[1:]
VECTORS = json.loads((ROOT / "tests/vectors/sm4.json").read_text("utf-8"))["vectors"]
LANES = (16, 32)
COUNTS = sorted(
    {0, 1, 2, 3, 12, 13, *(n + d for lanes in LANES for n in (lanes, 2 * lanes, 3 * lanes) for d in (-1, 0, 1))}
)


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    """Each level this machine runs, the twin included."""
    return str(request.param)


def offsets(lengths: list[int]) -> bytes:
    at = [0]
    for length in lengths:
        at.append(at[-1] + length)
    return struct.pack(f"{len(at)}q", *at)


def ecb(level: str, keys: bytes, data: bytes, *, decrypt: bool = False) -> bytes:
    module, name = _kernels.choose("sm4", level)
    out = bytearray(len(data))
    module.ecb(keys, data, decrypt, out, name)
    return bytes(out)


def cbc(level: str, keys: bytes, ivs: bytes, data: bytes, lengths: list[int], *, decrypt: bool = False) -> bytes:
    module, name = _kernels.choose("sm4", level)
    out = bytearray(len(data))
    module.cbc(keys, ivs, data, offsets(lengths), decrypt, out, name)
    return bytes(out)


def cbc_mac(level: str, keys: bytes, iv: bytes, data: bytes, lengths: list[int], padding: int) -> bytes:
    module, name = _kernels.choose("sm4", level)
    out = bytearray(16 * len(lengths))
    module.cbc_mac(keys, iv, data, offsets(lengths), padding, out, name)
    return bytes(out)


def derive(level: str, masters: bytes, factors: bytes) -> bytes:
    module, name = _kernels.choose("sm4", level)
    out = bytearray(len(factors) // 8 * 16)
    module.derive(masters, factors, out, name)
    return bytes(out)


def answer(level: str, vector: dict[str, Any]) -> bytes:
    given_, operation = vector["input"], vector["operation"]
    key, data = bytes.fromhex(given_["key"]), bytes.fromhex(given_["data"])
    iv = bytes.fromhex(given_.get("iv", ""))
    if operation == "ecb":
        return ecb(level, key, data)
    if operation == "cbc":
        return cbc(level, key, iv, data, [len(data)])
    if operation == "cbc_mac":
        return cbc_mac(level, key, iv, data, [len(data)], given_["padding"])
    if operation == "derive":
        return derive(level, key, data)
    # Encrypting a block again and again is CBC-MAC over zeros with the block as initial value.
    blocks = 16 * given_["rounds"]
    return cbc_mac(level, key, data, bytes(blocks), [blocks], 1)


@pytest.mark.parametrize("vector", VECTORS, ids=[v["id"] for v in VECTORS])
def test_vectors(level: str, vector: dict[str, Any]) -> None:
    if vector["result"] == "refused":
        with pytest.raises(ValueError, match="must"):
            answer(level, vector)
        return
    same = answer(level, vector) == bytes.fromhex(vector["expected"])
    assert same == (vector["result"] == "valid")


def test_vectors_decrypt(level: str) -> None:
    for vector in VECTORS:
        if vector["result"] != "valid" or vector["operation"] not in ("ecb", "cbc"):
            continue
        key, data, sealed = (
            bytes.fromhex(text) for text in (vector["input"]["key"], vector["input"]["data"], vector["expected"])
        )
        if vector["operation"] == "ecb":
            assert ecb(level, key, sealed, decrypt=True) == data
        else:
            iv = bytes.fromhex(vector["input"]["iv"])
            assert cbc(level, key, iv, sealed, [len(sealed)], decrypt=True) == data


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("own_keys", [True, False])
def test_counts_around_the_lanes(level: str, count: int, own_keys: bool) -> None:
    rng = random.Random(count)
    keys = rng.randbytes(16 * (count if own_keys and count else 1))
    data, factors = rng.randbytes(48 * count), rng.randbytes(8 * count)
    lengths, block_keys = [48] * count, keys * 3 if own_keys and count else keys
    for mine, twin in (
        (ecb(level, block_keys, data), ecb("reference", block_keys, data)),
        (derive(level, keys, factors), derive("reference", keys, factors)),
        (
            cbc_mac(level, keys, bytes(16), data, lengths, 2),
            cbc_mac("reference", keys, bytes(16), data, lengths, 2),
        ),
        (
            cbc(level, keys, bytes(16), data, lengths, decrypt=True),
            cbc("reference", keys, bytes(16), data, lengths, decrypt=True),
        ),
    ):
        assert mine == twin


def some_batch(rng: random.Random, count: int, lengths: list[int]) -> tuple[bytes, bytes, bytes]:
    return (
        rng.randbytes(16 * (rng.choice([1, count]) or 1)),
        rng.randbytes(16 * (rng.choice([1, count]) or 1)),
        rng.randbytes(sum(lengths)),
    )


mixed = st.lists(
    st.one_of(st.integers(0, 70), st.sampled_from([16, 32, 48, 64, 128, 1000, 2047, 2048, 2049])), max_size=75
)


@given(mixed, st.randoms(use_true_random=False), st.integers(1, 3))
def test_macs_of_mixed_lengths_agree(lengths: list[int], rng: random.Random, padding: int) -> None:
    keys, ivs, data = some_batch(rng, len(lengths), lengths)
    results = {level: cbc_mac(level, keys, ivs, data, lengths, padding) for level in LEVELS}
    assert len(set(results.values())) == 1


@given(mixed, st.randoms(use_true_random=False))
def test_cbc_of_mixed_lengths_agrees_and_returns(lengths: list[int], rng: random.Random) -> None:
    whole = [length // 16 * 16 for length in lengths]
    keys, ivs, data = some_batch(rng, len(whole), whole)
    sealed = {level: cbc(level, keys, ivs, data, whole) for level in LEVELS}
    assert len(set(sealed.values())) == 1
    for level in LEVELS:
        assert cbc(level, keys, ivs, sealed[level], whole, decrypt=True) == data


@given(st.integers(0, 100), st.booleans(), st.randoms(use_true_random=False))
def test_ecb_agrees_and_returns(blocks: int, own: bool, rng: random.Random) -> None:
    keys, data = rng.randbytes(16 * (blocks if own and blocks else 1)), rng.randbytes(16 * blocks)
    sealed = {level: ecb(level, keys, data) for level in LEVELS}
    assert len(set(sealed.values())) == 1
    for level in LEVELS:
        assert ecb(level, keys, sealed[level], decrypt=True) == data


def test_a_window_of_very_different_lengths(level: str) -> None:
    """More messages than are sorted together, from empty to long ones, in no order."""
    rng = random.Random(7)
    lengths = [rng.choice([0, 1, 16, 40, 48, 300, rng.randrange(5000)]) for _ in range(1100)]
    lengths[500] = 300_000
    keys, data = rng.randbytes(16 * len(lengths)), rng.randbytes(sum(lengths))
    mine = cbc_mac(level, keys, bytes(16), data, lengths, 2)
    assert mine == cbc_mac("reference", keys, bytes(16), data, lengths, 2)


def test_out_may_be_data(level: str) -> None:
    module, name = _kernels.choose("sm4", level)
    key, iv, data = bytes(range(16)), bytes(range(16, 32)), random.Random(3).randbytes(16 * 70)
    for lengths in ([len(data)], [16] * 70):
        for decrypt in (False, True):
            place = bytearray(data)
            module.cbc(key, iv, place, offsets(lengths), decrypt, place, name)
            assert bytes(place) == cbc("reference", key, iv, data, lengths, decrypt=decrypt)
    place = bytearray(data)
    module.ecb(key, place, False, place, name)
    assert bytes(place) == ecb("reference", key, data)


def test_messages_may_start_later_and_end_earlier(level: str) -> None:
    """As a slice of an Arrow array does: the first offset is not 0, the last one not the length of the data."""
    module, name = _kernels.choose("sm4", level)
    data, out, at = bytes(range(100)), bytearray(32), struct.pack("3q", 10, 30, 73)
    module.cbc_mac(bytes(16), bytes(16), data, at, 2, out, name)
    assert bytes(out) == cbc_mac("reference", bytes(16), bytes(16), data[10:73], [20, 43], 2)


@pytest.mark.parametrize(
    "at",
    [(0, 16, 8), (-16, 0), (0, 48), (16, 0), (), (0, 2**62)],
    ids=["falls", "below", "beyond", "back", "none", "far"],
)
def test_wrong_offsets_are_refused(level: str, at: tuple[int, ...]) -> None:
    module, name = _kernels.choose("sm4", level)
    raw, out = struct.pack(f"{len(at)}q", *at), bytearray(16 * max(len(at) - 1, 0))
    with pytest.raises(ValueError, match="offsets must"):
        module.cbc_mac(bytes(16), bytes(16), bytes(32), raw, 2, out, name)


def test_ragged_calls_are_refused(level: str) -> None:
    module, name = _kernels.choose("sm4", level)
    key, at = bytes(16), offsets([16, 16])
    calls = [
        lambda: module.ecb(bytes(32), bytes(48), False, bytearray(48), name),
        lambda: module.ecb(key, bytes(32), False, bytearray(16), name),
        lambda: module.cbc(bytes(48), key, bytes(32), at, False, bytearray(32), name),
        lambda: module.cbc(key, key, bytes(32), at, False, bytearray(31), name),
        lambda: module.cbc_mac(key, bytes(33), bytes(32), at, 2, bytearray(32), name),
        lambda: module.cbc_mac(key, key, bytes(32), at, 2, bytearray(16), name),
        lambda: module.cbc_mac(key, key, bytes(32), at[:-1], 2, bytearray(32), name),
        lambda: module.derive(key, bytes(16), bytearray(16), name),
        lambda: module.derive(bytes(48), bytes(16), bytearray(32), name),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="must"):
            call()


def test_an_out_that_cannot_be_written_is_refused() -> None:
    module, name = _kernels.choose("sm4")
    with pytest.raises((BufferError, TypeError)):
        module.ecb(bytes(16), bytes(16), False, bytes(16), name)


def test_an_unknown_level_is_refused() -> None:
    module, _ = _kernels.choose("sm4", COMPILED[0])
    with pytest.raises(ValueError, match="level 'z80' is not one of"):
        module.ecb(bytes(16), bytes(16), False, bytearray(16), "z80")


def test_gmssl_agrees(level: str) -> None:
    """A third implementation, in pure Python."""
    rng = random.Random(11)
    keys, data = rng.randbytes(16 * 40), rng.randbytes(16 * 40)
    sealed = ecb(level, keys, data)
    for i in range(40):
        block = slice(16 * i, 16 * i + 16)
        other = gmssl_sm4.CryptSM4()
        other.set_key(keys[block], gmssl_sm4.SM4_ENCRYPT)
        assert bytes(other.one_round(other.sk, list(data[block]))) == sealed[block]


def openssl(key: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.SM4(key), modes.ECB()).encryptor().update(data)


def differential(level: str, cases: int, seed: int) -> None:
    """``cases`` random blocks, a new key every 100 000, and every 16th of them under a key of its own."""
    rng = random.Random(seed)
    for start in range(0, cases, 100_000):
        count = min(100_000, cases - start)
        key, data = rng.randbytes(16), rng.randbytes(16 * count)
        sealed = openssl(key, data)
        assert ecb(level, key, data) == sealed
        assert ecb(level, key, sealed, decrypt=True) == data
        own = rng.randbytes(count // 16 * 16)
        assert ecb(level, own, data[: len(own)]) == ecb("reference", own, data[: len(own)])


@pytest.mark.parametrize("level", COMPILED)
def test_100_000_random_blocks(level: str) -> None:
    differential(level, 100_000, 1)


@pytest.mark.soak
@pytest.mark.parametrize("level", COMPILED)
def test_10_000_000_random_blocks(level: str) -> None:
    differential(level, 10_000_000, 2)


@pytest.mark.parametrize("name", ["tables", "sbox"])
def test_generated_headers_are_what_the_generator_prints(name: str) -> None:
    made = subprocess.run(
        [sys.executable, str(ROOT / "tests/kernels/gen_sm4.py"), name], capture_output=True, text=True, check=True
    )
    assert made.stdout == (ROOT / f"sbcard_core/_fast/csrc/sm4_{name}.h").read_text("utf-8")
