"""The DES kernel: every level and the readable twin give the same bytes, and the bytes are right."""

import json
import os
import random
import struct
import subprocess
import sys
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from Crypto.Cipher import DES, DES3
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core import _kernels

ROOT = Path(__file__).resolve().parents[2]
LEVELS = _kernels.kernel_levels("des")
COMPILED = LEVELS[1:]
NIST = json.loads((ROOT / "tests/vectors/des-nist.json").read_text("utf-8"))["vectors"]
VECTORS = json.loads((ROOT / "tests/vectors/des.json").read_text("utf-8"))["vectors"]
COUNTS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 14, 15, 16, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1000)


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    """Each level this machine runs, the twin included."""
    return str(request.param)


@pytest.fixture(params=COMPILED)
def compiled(request: pytest.FixtureRequest) -> str:
    """Each compiled level this machine runs."""
    return str(request.param)


def offsets(lengths: list[int]) -> bytes:
    return struct.pack(f"{len(lengths) + 1}q", *accumulate(lengths, initial=0))


def call(level: str, name: str, size: int, *arguments: Any) -> bytes:
    module, chosen = _kernels.choose("des", level)
    out = bytearray(size)
    getattr(module, name)(*arguments, out, chosen)
    return bytes(out)


def ecb(level: str, keys: bytes, key_length: int, data: bytes, *, decrypt: bool = False) -> bytes:
    return call(level, "ecb", len(data), keys, key_length, data, decrypt)


def cbc(
    level: str, keys: bytes, key_length: int, ivs: bytes, data: bytes, lengths: list[int], *, decrypt: bool = False
) -> bytes:
    return call(level, "cbc", len(data), keys, key_length, ivs, data, offsets(lengths), decrypt)


def macs(
    level: str,
    keys: bytes,
    key_length: int,
    data: bytes,
    lengths: list[int],
    *,
    padding: int = 2,
    retail: bool = False,
    iv: bytes = bytes(8),
) -> bytes:
    return call(level, "cbc_mac", 8 * len(lengths), keys, key_length, iv, data, offsets(lengths), padding, retail)


# ---- published values


@pytest.mark.parametrize("copies", [1, 300])
def test_nist_tables(level: str, copies: int) -> None:
    """All of them, alone (the small path) and among copies (the wide path), both ways."""
    if level == "reference" and copies > 1:
        copies = 2
    for vector in NIST:
        key, plain, cipher = (bytes.fromhex(vector[name]) for name in ("key", "plaintext", "ciphertext"))
        if vector["operation"] == "ecb":
            assert ecb(level, key, len(key), plain * copies) == cipher * copies, vector["id"]
            assert ecb(level, key, len(key), cipher * copies, decrypt=True) == plain * copies, vector["id"]
        else:
            iv, lengths = bytes.fromhex(vector["iv"]), [len(plain)] * copies
            assert cbc(level, key, len(key), iv, plain * copies, lengths) == cipher * copies, vector["id"]
            back = cbc(level, key, len(key), iv, cipher * copies, lengths, decrypt=True)
            assert back == plain * copies, vector["id"]


def test_nist_tables_in_one_batch(level: str) -> None:
    """Own keys: each lane has another one."""
    single = [v for v in NIST if v["operation"] == "ecb" and len(v["key"]) == 16 and len(v["plaintext"]) == 16]
    keys, plain, cipher = (b"".join(bytes.fromhex(v[n]) for v in single) for n in ("key", "plaintext", "ciphertext"))
    assert len(single) > 230
    assert ecb(level, keys, 8, plain) == cipher
    assert ecb(level, keys, 8, cipher, decrypt=True) == plain


def compute(level: str, vector: dict[str, Any], copies: int) -> bytes:
    key, data = bytes.fromhex(vector["key"]), bytes.fromhex(vector["data"])
    match vector["operation"]:
        case "derive":
            return call(level, "derive", 16 * copies, key, data * copies)[-16:]
        case "ecb":
            return ecb(level, key, len(key), data * copies)[-8:]
        case "twice":
            return ecb(level, key, len(key), ecb(level, key, len(key), data * copies))[-8:]
    retail, lengths = vector["operation"] == "retail_mac", [len(data)] * copies
    iv = bytes.fromhex(vector["iv"])
    return macs(level, key, len(key), data * copies, lengths, padding=vector["padding"], retail=retail, iv=iv)[-8:]


@pytest.mark.parametrize("copies", [1, 65])
@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["id"])
def test_vectors(level: str, vector: dict[str, Any], copies: int) -> None:
    if vector["result"] == "refused":
        with pytest.raises(ValueError):  # noqa: PT011  each kernel words it itself
            compute(level, vector, copies)
        return
    begins = compute(level, vector, copies).startswith(bytes.fromhex(vector["expected"]))
    assert begins == (vector["result"] == "valid")


def test_rivests_chain(compiled: str) -> None:
    """Rivest's chain (1985): the value walks through all parts of the algorithm."""
    x = bytes.fromhex("9474B8E8C73BCA7D")
    for i in range(16):
        x = ecb(compiled, x, 8, x, decrypt=i % 2 == 1)
    assert x.hex().upper() == "1B1A2DDB4C642438"


# ---- independent implementations


def padded(message: bytes, padding: int) -> bytes:
    if padding == 2:
        message += b"\x80"
    elif padding == 3:
        return (8 * len(message)).to_bytes(8, "big") + padded(message, 1)
    return message + bytes(-len(message) % 8 if message else 8)


def oracle_mac(key: bytes, iv: bytes, message: bytes, padding: int, retail: bool) -> bytes:
    """By pycryptodome for single DES and by OpenSSL for 3DES."""
    whole = padded(message, padding)
    if retail or len(key) == 8:
        state = DES.new(key[:8], DES.MODE_CBC, iv).encrypt(whole)[-8:]
        if retail:
            state = DES.new(key[8:], DES.MODE_ECB).decrypt(state)
            state = DES.new(key[:8], DES.MODE_ECB).encrypt(state)
        return state
    triple = key + key[:8] if len(key) == 16 else key
    return Cipher(TripleDES(triple), modes.CBC(iv)).encryptor().update(whole)[-8:]


def oracle_derive(master: bytes, factor: bytes) -> bytes:
    cipher = Cipher(TripleDES(master + master[:8]), modes.ECB()).encryptor()
    return cipher.update(factor + bytes(b ^ 0xFF for b in factor))


def oracle_tac(master: bytes, factor: bytes, message: bytes) -> bytes:
    key = oracle_derive(master, factor)
    return oracle_mac(bytes(a ^ b for a, b in zip(key[:8], key[8:], strict=True)), bytes(8), message, 2, False)[:4]


@pytest.mark.parametrize("count", COUNTS)
def test_macs_against_two_libraries(compiled: str, count: int) -> None:
    """Own keys and IVs, mixed lengths from nothing to many blocks, all paddings."""
    rng = random.Random(count)
    for key_length, retail in ((8, False), (16, False), (24, False), (16, True)):
        padding = rng.choice((1, 2, 3))
        messages = [rng.randbytes(rng.choice((0, 1, 7, 8, 9, 15, 16, 48, 48, 48, 100))) for _ in range(count)]
        keys = [rng.randbytes(key_length) for _ in range(count)]
        ivs = [rng.randbytes(8) for _ in range(count)]
        found = macs(
            compiled,
            b"".join(keys) or bytes(key_length),
            key_length,
            b"".join(messages),
            [len(m) for m in messages],
            padding=padding,
            retail=retail,
            iv=b"".join(ivs) or bytes(8),
        )
        expected = [oracle_mac(k, v, m, padding, retail) for k, v, m in zip(keys, ivs, messages, strict=True)]
        assert found == b"".join(expected)


@pytest.mark.parametrize("count", COUNTS)
def test_modes_against_two_libraries(compiled: str, count: int) -> None:
    rng = random.Random(count)
    lengths = [8 * rng.choice((0, 1, 2, 3, 7)) for _ in range(count)]
    data, key, iv = rng.randbytes(sum(lengths)), rng.randbytes(24), rng.randbytes(8)
    keys = rng.randbytes(8 * count)
    blocks = rng.randbytes(8 * count)
    own = b"".join(DES.new(keys[i : i + 8], DES.MODE_ECB).encrypt(blocks[i : i + 8]) for i in range(0, 8 * count, 8))
    assert ecb(compiled, keys or bytes(8), 8, blocks) == own
    assert ecb(compiled, keys or bytes(8), 8, own, decrypt=True) == blocks
    one = DES3.new(DES3.adjust_key_parity(key), DES3.MODE_ECB).encrypt(data)
    assert ecb(compiled, key, 24, data) == one
    assert ecb(compiled, key, 24, one, decrypt=True) == data
    chained, at = b"", 0
    for length in lengths:
        chained += Cipher(TripleDES(key), modes.CBC(iv)).encryptor().update(data[at : at + length])
        at += length
    assert cbc(compiled, key, 24, iv, data, lengths) == chained
    assert cbc(compiled, key, 24, iv, chained, lengths, decrypt=True) == data


@pytest.mark.parametrize("count", COUNTS)
def test_derivation_and_tacs_against_two_libraries(compiled: str, count: int) -> None:
    rng = random.Random(count)
    master, factors = rng.randbytes(16), [rng.randbytes(8) for _ in range(count)]
    messages = [rng.randbytes(rng.choice((0, 5, 8, 22, 22, 22, 48))) for _ in range(count)]
    joined, data, marks = b"".join(factors), b"".join(messages), offsets([len(m) for m in messages])
    derived = b"".join(oracle_derive(master, f) for f in factors)
    tacs = bytearray(b"".join(oracle_tac(master, f, m) for f, m in zip(factors, messages, strict=True)))
    assert call(compiled, "derive", 16 * count, master, joined) == derived
    assert call(compiled, "tac", 4 * count, master, joined, data, marks) == tacs
    spoiled = set(rng.sample(range(count), count // 3))
    for i in spoiled:
        tacs[4 * i + rng.randrange(4)] ^= 1 << rng.randrange(8)
    status = call(compiled, "tac_verify", count, master, joined, data, marks, bytes(tacs))
    assert status == bytes(i in spoiled for i in range(count))


def test_own_masters(level: str) -> None:
    """Two levels of derivation: the second has a master for each card."""
    rng = random.Random(5)
    masters, factors = rng.randbytes(16 * 20), rng.randbytes(8 * 20)
    expected = [oracle_derive(masters[16 * i : 16 * i + 16], factors[8 * i : 8 * i + 8]) for i in range(20)]
    assert call(level, "derive", 320, masters, factors) == b"".join(expected)


# ---- twin and laws

lengths_of_messages = st.lists(st.one_of(st.integers(0, 40), st.just(48)), max_size=40)


@given(lengths_of_messages, st.sampled_from([8, 16, 24]), st.integers(1, 3), st.booleans(), st.booleans(), st.data())
def test_levels_agree(
    lengths: list[int], key_length: int, padding: int, retail: bool, own: bool, data: st.DataObject
) -> None:
    rng = data.draw(st.randoms(use_true_random=False))
    retail = retail and key_length == 16
    count = len(lengths) if own and lengths else 1
    keys, iv, message = rng.randbytes(key_length * count), rng.randbytes(8 * count), rng.randbytes(sum(lengths))
    results = {lv: macs(lv, keys, key_length, message, lengths, padding=padding, retail=retail, iv=iv) for lv in LEVELS}
    assert len(set(results.values())) == 1
    whole = [8 * length for length in lengths]
    text = rng.randbytes(sum(whole))
    for decrypt in (False, True):
        assert len({cbc(lv, keys, key_length, iv, text, whole, decrypt=decrypt) for lv in LEVELS}) == 1
    factors, tacs = rng.randbytes(8 * len(lengths)), bytes(4 * len(lengths))
    marks = offsets(lengths)
    master = keys[:16].ljust(16, b"\0")
    assert len({call(lv, "tac", 4 * len(lengths), master, factors, message, marks) for lv in LEVELS}) == 1
    assert len({call(lv, "tac_verify", len(lengths), master, factors, message, marks, tacs) for lv in LEVELS}) == 1


@pytest.mark.parametrize("size", [1, 13, 64, 300])
def test_a_result_does_not_depend_on_its_batch(compiled: str, size: int) -> None:
    rng = random.Random(9)
    lengths = [rng.randrange(60) for _ in range(size)]
    data, keys = rng.randbytes(sum(lengths)), rng.randbytes(16 * size)
    together, at = macs(compiled, keys, 16, data, lengths, retail=True), 0
    for i, length in enumerate(lengths):
        alone = macs(compiled, keys[16 * i : 16 * i + 16], 16, data[at : at + length], [length], retail=True)
        assert together[8 * i : 8 * i + 8] == alone
        at += length


def test_one_message_is_a_batch_of_one(level: str) -> None:
    kernel, name = _kernels.choose("des", level)
    for size, length in ((0, 16), (5, 8), (48, 16), (48, 24), (96, 16)):
        key, message, iv = os.urandom(length), os.urandom(size), os.urandom(8)
        for padding in (1, 2, 3):
            for retail in {False, length == 16}:
                out = bytearray(8)
                kernel.cbc_mac(key, length, iv, message, struct.pack("qq", 0, size), padding, retail, out, name)
                assert kernel.mac_one(key, message, iv, padding, retail, name) == bytes(out)
    for wrong in ((b"k" * 9, b"", bytes(8), 2, False), (b"k" * 8, b"", bytes(7), 2, False)):
        with pytest.raises(ValueError, match="bytes"):
            kernel.mac_one(*wrong, name)
    with pytest.raises(ValueError, match="16 bytes"):
        kernel.mac_one(b"k" * 8, b"", bytes(8), 2, True, name)
    with pytest.raises(ValueError, match="padding"):
        kernel.mac_one(b"k" * 8, b"", bytes(8), 4, False, name)


def test_long_and_short_messages_in_one_batch(compiled: str) -> None:
    """More length than the sort by length has buckets, and more messages than it sorts at once."""
    rng = random.Random(3)
    lengths = [rng.choice((0, 3, 8, 20, 48)) for _ in range(4300)]
    lengths[17], lengths[4200] = 9000, 2047
    data, key = rng.randbytes(sum(lengths)), rng.randbytes(8)
    found, at = macs(compiled, key, 8, data, lengths), 0
    for i, length in enumerate(lengths):
        if i % 97 == 0 or length > 48:
            assert found[8 * i : 8 * i + 8] == oracle_mac(key, bytes(8), data[at : at + length], 2, False)
        at += length


def test_messages_may_begin_anywhere(compiled: str) -> None:
    data, key = bytes(range(100)), bytes(range(8))
    marks = struct.pack("3q", 5, 20, 33)
    found = call(compiled, "cbc_mac", 16, key, 8, bytes(8), data, marks, 2, False)
    assert found == oracle_mac(key, bytes(8), data[5:20], 2, False) + oracle_mac(key, bytes(8), data[20:33], 2, False)


def test_in_place(compiled: str) -> None:
    key, plain = bytes(range(16)), bytes(range(256)) * 9
    buffer = bytearray(plain)
    module, name = _kernels.choose("des", compiled)
    module.ecb(key, 16, buffer, False, buffer, name)
    assert bytes(buffer) == ecb(compiled, key, 16, plain)
    with pytest.raises(ValueError, match="overlap"):
        module.cbc(key, 16, bytes(8), buffer, offsets([len(buffer)]), False, buffer, name)


# ---- wrong calls

KEY, MARKS = bytes(8), offsets([8, 8])
WRONG = {
    "keys for another count": ("cbc_mac", 16, (bytes(24), 8, KEY, bytes(16), MARKS, 2, False)),
    "IVs for another count": ("cbc_mac", 16, (KEY, 8, bytes(24), bytes(16), MARKS, 2, False)),
    "out too short": ("cbc_mac", 15, (KEY, 8, KEY, bytes(16), MARKS, 2, False)),
    "offsets past the data": ("cbc_mac", 16, (KEY, 8, KEY, bytes(15), MARKS, 2, False)),
    "offsets that fall": ("cbc_mac", 16, (KEY, 8, KEY, bytes(16), struct.pack("3q", 0, 9, 8), 2, False)),
    "offsets below zero": ("cbc_mac", 16, (KEY, 8, KEY, bytes(16), struct.pack("3q", -8, 0, 8), 2, False)),
    "no offsets": ("cbc_mac", 0, (KEY, 8, KEY, b"", b"", 2, False)),
    "offsets of 12 bytes": ("cbc_mac", 8, (KEY, 8, KEY, b"", bytes(12), 2, False)),
    "ragged CBC": ("cbc", 16, (KEY, 8, KEY, bytes(16), struct.pack("3q", 0, 7, 16), False)),
    "ragged ECB": ("ecb", 9, (KEY, 8, bytes(9), False)),
    "ECB out": ("ecb", 8, (KEY, 8, bytes(16), False)),
    "factors for another count": ("tac", 8, (bytes(16), bytes(8), bytes(16), MARKS)),
    "TACs of 3 bytes": ("tac_verify", 2, (bytes(16), bytes(16), bytes(16), MARKS, bytes(6))),
    "a master of 8 bytes": ("tac", 8, (KEY, bytes(16), bytes(16), MARKS)),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_calls_are_refused(level: str, what: str) -> None:
    name, size, arguments = WRONG[what]
    with pytest.raises(ValueError) as caught:  # noqa: PT011  each kernel words it itself
        call(level, name, size, *arguments)
    assert "00" not in str(caught.value)  # sizes only, no bytes of a key


def test_unknown_level_is_refused() -> None:
    module, _ = _kernels.choose("des", COMPILED[0])
    with pytest.raises(ValueError, match="z80"):
        module.ecb(bytes(8), 8, bytes(8), False, bytearray(8), "z80")


def test_read_only_out_is_refused() -> None:
    module, name = _kernels.choose("des", COMPILED[0])
    with pytest.raises(BufferError):
        module.ecb(bytes(8), 8, bytes(8), False, bytes(8), name)


def test_environment_forces_a_level() -> None:
    code = "from sbcard_core import _kernels; print(_kernels.choose('des')[1])"
    for forced in LEVELS:
        env = {**os.environ, "SBCARD_CPU": forced}
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == forced


# ---- many random cases against another library


def compare_at_random(count: int, seed: int) -> None:
    """``count`` retail MACs with own keys on all levels, against other libraries one by one."""
    rng = random.Random(seed)
    lengths = [rng.randrange(33) for _ in range(count)]
    data, keys = rng.randbytes(sum(lengths)), rng.randbytes(16 * count)
    results = {lv: macs(lv, keys, 16, data, lengths, retail=True) for lv in COMPILED}
    assert len(set(results.values())) == 1
    found, at = results[COMPILED[0]], 0
    for i, length in enumerate(lengths):
        expected = oracle_mac(keys[16 * i : 16 * i + 16], bytes(8), data[at : at + length], 2, True)
        assert found[8 * i : 8 * i + 8] == expected
        at += length


def test_many_blocks_at_random() -> None:
    """Blocks under one key: the library runs at its own speed."""
    rng = random.Random(11)
    data, key = rng.randbytes(8 * 20_000), rng.randbytes(16)
    expected = Cipher(TripleDES(key + key[:8]), modes.ECB()).encryptor().update(data)
    for level in COMPILED:
        assert ecb(level, key, 16, data) == expected
        assert ecb(level, key, 16, expected, decrypt=True) == data
    compare_at_random(20_000, 12)


@pytest.mark.soak
def test_ten_million_at_random() -> None:
    for seed in range(100):
        compare_at_random(10_000, seed)
    rng = random.Random(13)
    for _ in range(90):
        data, key = rng.randbytes(8 * 20_000), rng.randbytes(24)
        expected = Cipher(TripleDES(key), modes.ECB()).encryptor().update(data)
        for level in COMPILED:
            assert ecb(level, key, 24, data) == expected
