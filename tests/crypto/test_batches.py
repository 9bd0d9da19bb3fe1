"""Batches: every form in and out, any size, any mix of lengths, any number of threads; wrong calls are typed errors."""

import gc
import random
from functools import reduce
from itertools import accumulate
from operator import xor
from typing import Any

import numpy as np
import pytest
from Crypto.Cipher import AES, DES, DES3
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher as OtherCipher
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given, settings
from hypothesis import strategies as st

from sbcard_core.crypto import bulk, cipher, diversify, mac, tac
from sbcard_core.crypto.arrow import FixedBinary, Statuses
from sbcard_core.crypto.errors import KeyRefused
from sbcard_core.crypto.keys import Cipher, KeyUsage, SecretKey
from sbcard_core.crypto.tac import TacStatus
from sbcard_core.errors import InvalidValue, SBCardError

SIZES = [0, 1, 2, 12, 13, 14, 31, 64, 65, 128, 255, 256, 257, 600]
MACS = {
    "retail": (mac.retail_mac, mac.retail_mac_many, 16, {}),
    "des": (mac.cbc_mac, mac.cbc_mac_many, 8, {}),
    "3des": (mac.cbc_mac, mac.cbc_mac_many, 16, {}),
    "3des-3": (mac.cbc_mac, mac.cbc_mac_many, 24, {}),
    "sm4": (mac.cbc_mac, mac.cbc_mac_many, 16, {"cipher": Cipher.SM4, "length": 16}),
    "sm4-fold": (mac.cbc_mac, mac.cbc_mac_many, 16, {"cipher": Cipher.SM4, "fold": True}),
    "cmac-3des": (mac.cmac, mac.cmac_many, 16, {}),
    "cmac-sm4": (mac.cmac, mac.cmac_many, 16, {"cipher": Cipher.SM4, "length": 16}),
    "cmac-aes": (mac.cmac, mac.cmac_many, 32, {"cipher": Cipher.AES, "length": 16}),
    "unionpay": (mac.unionpay_mac, mac.unionpay_mac_many, 16, {}),
    "x9.9": (mac.x9_9, mac.x9_9_many, 8, {}),
    "x9.19": (mac.x9_19, mac.x9_19_many, 16, {}),
}
rng = random.Random(20140731)


def ragged(count: int, least: int = 1) -> list[bytes]:
    return [rng.randbytes(rng.choice([least, 7, 8, 9, 15, 16, 17, 40, 63])) for _ in range(count)]


def offsets_of(messages: list[bytes]) -> Any:
    return np.array(list(accumulate(map(len, messages), initial=0)), dtype=np.int64)


@pytest.mark.parametrize("name", MACS)
@pytest.mark.parametrize("size", [0, 1, 13, 40, 257])
def test_every_form_gives_the_scalar_result(name: str, size: int) -> None:
    alone, many, width, how = MACS[name]
    keys, messages = [rng.randbytes(width) for _ in range(size)], ragged(size)
    expected = [alone(key, message, **how) for key, message in zip(keys, messages, strict=True)]
    assert many(keys, messages, **how) == expected
    assert many(b"".join(keys), messages, **how) == expected
    rows = many(b"".join(keys), b"".join(messages), offsets_of(messages), **how)
    assert rows.dtype == np.uint8
    assert [bytes(row) for row in rows] == expected
    column = many(b"".join(keys), Binary(messages), **how)
    assert isinstance(column, FixedBinary)
    assert list(column) == expected


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("padding", [1, 2, 3])
def test_sizes_and_paddings(size: int, padding: int) -> None:
    """Round every lane count and the border of the small path; equal lengths beside mixed ones; empty messages too."""
    keys = [rng.randbytes(16) for _ in range(size)]
    for messages in (ragged(size, least=0), [rng.randbytes(48) for _ in range(size)]):
        expected = [mac.retail_mac(k, m, padding=padding) for k, m in zip(keys, messages, strict=True)]
        assert mac.retail_mac_many(keys, messages, padding=padding) == expected
    rows = mac.retail_mac_many(b"".join(keys), b"".join(messages), message_length=48, padding=padding, length=4)
    assert rows.shape == (size, 4)
    assert [bytes(row) for row in rows] == [block[:4] for block in expected]


@pytest.mark.parametrize("name", ["retail", "3des", "sm4", "cmac-3des", "unionpay"])
@pytest.mark.parametrize("workers", [2, 3, 7])
def test_threads_change_nothing(name: str, workers: int) -> None:
    _, many, width, how = MACS[name]
    keys, messages = rng.randbytes(width * 1700), ragged(1700)
    assert many(keys, messages, workers=workers, **how) == many(keys, messages, **how)
    flat, places = b"".join(messages), offsets_of(messages)
    assert (many(keys, flat, places, workers=workers, **how) == many(keys, flat, places, **how)).all()


def test_one_key_for_all_is_a_secret_key() -> None:
    key, messages = SecretKey(rng.randbytes(16), KeyUsage.MAC), ragged(300)
    expected = [mac.retail_mac(key, message) for message in messages]
    assert mac.retail_mac_many(key, messages) == expected
    assert mac.retail_mac_many([key] * 300, messages) == expected
    assert mac.retail_mac_many(key, messages, workers=2) == expected
    assert mac.retail_mac_many(key, messages[:1]) == expected[:1]


def test_ivs() -> None:
    key, messages = rng.randbytes(16), ragged(100)
    ivs = [rng.randbytes(8) for _ in messages]
    expected = [mac.retail_mac(key, m, iv=iv) for m, iv in zip(messages, ivs, strict=True)]
    for form in (ivs, b"".join(ivs), np.frombuffer(b"".join(ivs), dtype=np.uint8).reshape(100, 8)):
        assert mac.retail_mac_many(key * 100, messages, iv=form) == expected
    one = [mac.retail_mac(key, m, iv=ivs[0]) for m in messages]
    assert mac.retail_mac_many(key * 100, messages, iv=ivs[0]) == one


def test_array_forms_are_one() -> None:
    keys, data = rng.randbytes(16 * 50), rng.randbytes(48 * 50)
    expected = mac.retail_mac_many(keys, data, message_length=48)
    square = np.frombuffer(data, dtype=np.uint8).reshape(50, 48)
    assert (mac.retail_mac_many(np.frombuffer(keys, dtype=np.uint8).reshape(50, 16), square) == expected).all()
    assert (mac.retail_mac_many(keys, bytearray(data), message_length=48) == expected).all()
    shifted = np.arange(48, 48 * 51 + 1, 48, dtype=np.int32)
    assert (mac.retail_mac_many(keys, bytes(48) + data + b"rest", shifted) == expected).all()


def test_keys_of_different_lengths_in_one_batch() -> None:
    keys = [rng.randbytes(width) for width in (8, 16, 24, 8, 24)] * 9
    messages = ragged(len(keys))
    expected = [mac.cbc_mac(key, message) for key, message in zip(keys, messages, strict=True)]
    assert mac.cbc_mac_many(keys, messages) == expected


def another_hand(kind: Cipher, key: bytes, data: bytes, iv: bytes | None = None) -> bytes:
    """Encrypted by another library; without an initial value block by block."""
    if kind is Cipher.SM4:
        mode = modes.ECB() if iv is None else modes.CBC(iv)
        return OtherCipher(algorithms.SM4(key), mode).encryptor().update(data)
    if kind is Cipher.TDES and len(key) == 16:
        key += key[:8]
    maker: Any = AES if kind is Cipher.AES else DES if len(key) == 8 else DES3
    by = maker.new(key, maker.MODE_ECB) if iv is None else maker.new(key, maker.MODE_CBC, iv=iv)
    return bytes(by.encrypt(data))


WIDTHS = {Cipher.TDES: (8, 16, 24), Cipher.AES: (16, 24, 32), Cipher.SM4: (16,)}


@pytest.mark.parametrize("kind", Cipher)
def test_cipher_batches_give_what_another_library_gives(kind: Cipher) -> None:
    for width in WIDTHS[kind]:
        keys = [rng.randbytes(width) for _ in range(40)]
        long = [rng.randbytes(kind.block * (1 + i % 5)) for i in range(40)]
        ivs = [rng.randbytes(kind.block) for _ in range(40)]
        first = [message[: kind.block] for message in long]
        blocks = [another_hand(kind, key, block) for key, block in zip(keys, first, strict=True)]
        assert cipher.ecb_many(keys, first, cipher=kind) == blocks
        assert cipher.ecb_many(keys, blocks, cipher=kind, decrypt=True) == first
        chains = [another_hand(kind, k, m, iv) for k, m, iv in zip(keys, long, ivs, strict=True)]
        assert cipher.cbc_many(keys, long, ivs=ivs, cipher=kind) == chains
        assert cipher.cbc_many(keys, chains, ivs=ivs, cipher=kind, decrypt=True) == long


@pytest.mark.parametrize("kind", [Cipher.TDES, Cipher.SM4])
def test_three_levels_of_diversification_by_another_library(kind: Cipher) -> None:
    """Each level: the factor under the key, and its complement under the same key, side by side (one block of SM4)."""
    master = bytes(range(16))
    paths = [[rng.randbytes(8) for _ in range(3)] for _ in range(20)]
    expected = []
    for path in paths:
        key = master
        for factor in path:
            key = another_hand(kind, key, factor + bytes(byte ^ 0xFF for byte in factor))
        expected.append(key)
    rows = [b"".join(path) for path in paths]
    assert diversify.diversify_many(SecretKey(master, KeyUsage.DPK, kind), rows, levels=3) == expected


@pytest.mark.parametrize("kind", Cipher)
def test_macs_in_batches_by_another_library(kind: Cipher) -> None:
    """CBC-MAC over the message with one bit and zeros behind it, whole and (in SM4) folded to a word; CMAC."""
    width = WIDTHS[kind][-1]
    keys, messages = [rng.randbytes(width) for _ in range(40)], ragged(40)
    whole = []
    for key, message in zip(keys, messages, strict=True):
        padded = message + b"\x80"
        padded += bytes(-len(padded) % kind.block)
        whole.append(another_hand(kind, key, padded, bytes(kind.block))[-kind.block :])
    assert mac.cbc_mac_many(keys, messages, cipher=kind, length=kind.block) == whole
    if kind is Cipher.SM4:
        words = [[int.from_bytes(one[at : at + 4], "big") for at in range(0, 16, 4)] for one in whole]
        folded = [reduce(xor, four).to_bytes(4, "big") for four in words]
        assert mac.cbc_mac_many(keys, messages, cipher=kind, fold=True) == folded
    maker = {Cipher.TDES: TripleDES, Cipher.AES: algorithms.AES, Cipher.SM4: algorithms.SM4}[kind]
    expected = []
    for key, message in zip(keys, messages, strict=True):
        by = CMAC(maker(key))
        by.update(message)
        expected.append(by.finalize())
    assert mac.cmac_many(keys, messages, cipher=kind, length=kind.block) == expected


@pytest.mark.parametrize("size", [0, 1, 20, 300])
def test_cipher_batches(size: int) -> None:
    for kind, width in ((Cipher.TDES, 8), (Cipher.TDES, 24), (Cipher.SM4, 16), (Cipher.AES, 16)):
        block = kind.block
        keys, blocks = [rng.randbytes(width) for _ in range(size)], [rng.randbytes(block) for _ in range(size)]
        made = cipher.ecb_many(keys, blocks, cipher=kind)
        assert made == [cipher.ecb_encrypt(k, b, algorithm=kind) for k, b in zip(keys, blocks, strict=True)]
        assert cipher.ecb_many(keys, made, cipher=kind, decrypt=True, workers=2) == blocks
        rows = cipher.ecb_many(b"".join(keys), b"".join(blocks), cipher=kind)
        assert rows.tobytes() == b"".join(made)
        long = [rng.randbytes(block * (1 + i % 5)) for i in range(size)]
        ivs = [rng.randbytes(block) for _ in range(size)]
        chains = cipher.cbc_many(keys, long, ivs=ivs, cipher=kind)
        assert chains == [
            cipher.cbc_encrypt(k, m, iv, algorithm=kind) for k, m, iv in zip(keys, long, ivs, strict=True)
        ]
        assert cipher.cbc_many(keys, chains, ivs=ivs, cipher=kind, decrypt=True, workers=3) == long
        flat = cipher.cbc_many(b"".join(keys), b"".join(long), offsets_of(long), ivs=b"".join(ivs), cipher=kind)
        assert flat.tobytes() == b"".join(chains)


@given(st.lists(st.lists(st.binary(min_size=8, max_size=8), min_size=3, max_size=3), max_size=20))
@settings(max_examples=25)
def test_diversification_in_three_levels(paths: list[list[bytes]]) -> None:
    for kind in (Cipher.TDES, Cipher.SM4):
        master = SecretKey(bytes(range(16)), KeyUsage.DPK, kind)
        expected = [diversify.diversify(master, *path).material() for path in paths]
        rows = [b"".join(path) for path in paths]
        assert diversify.diversify_many(master, rows, levels=3) == expected
        assert diversify.diversify_many(master, b"".join(rows), levels=3).tobytes() == b"".join(expected)
        masters = [bytes((i,)) * 16 for i in range(len(rows))]
        own = diversify.diversify_many(masters, rows, levels=3, cipher=kind)
        assert own == [diversify.diversify(m, *p, cipher=kind) for m, p in zip(masters, paths, strict=True)]


def journal(count: int) -> tuple[SecretKey, bytes, list[bytes], list[bytes], list[TacStatus]]:
    city = SecretKey(bytes(range(16)), KeyUsage.DTK)
    factors, messages = rng.randbytes(8 * count), [rng.randbytes(22) for _ in range(count)]
    tacs, statuses = tac.compute_many(city, factors, messages), []
    for i in range(count):
        fate = i % 5
        if fate == 1:
            tacs[i] = bytes((tacs[i][0] ^ 1,)) + tacs[i][1:]
        if fate == 2:
            messages[i] = messages[i][:-1]
        statuses.append((TacStatus.VERIFIED, TacStatus.MISMATCH, TacStatus.MALFORMED)[fate if fate < 3 else 0])
    return city, factors, messages, tacs, statuses


@pytest.mark.parametrize("count", SIZES)
def test_tac_statuses_do_not_depend_on_the_batch(count: int) -> None:
    city, factors, messages, tacs, expected = journal(count)
    assert tac.verify_many(city, factors, messages, tacs) == expected
    assert tac.verify_many(city, factors, messages, tacs, workers=2) == expected
    one_by_one = [
        tac.verify_many(city, factors[8 * i : 8 * i + 8], [messages[i]], [tacs[i]])[0] for i in range(min(count, 40))
    ]
    assert one_by_one == expected[:40]
    rows = tac.verify_many(city, factors, b"".join(messages), b"".join(tacs), offsets_of(messages))
    assert rows.dtype == np.uint8
    assert list(rows) == expected
    column = tac.verify_many(city, Binary([factors[8 * i : 8 * i + 8] for i in range(count)]), Binary(messages), tacs)
    assert isinstance(column, Statuses)
    assert [value[0] for value in column] == expected


def test_tac_of_another_length() -> None:
    city, factors, messages = SecretKey(bytes(16), KeyUsage.DTK), rng.randbytes(8 * 30), rng.randbytes(48 * 30)
    tacs = tac.compute_many(city, factors, messages, message_length=48)
    assert not tac.verify_many(city, factors, messages, tacs, message_length=48).any()
    keys = diversify.derive_many(city, factors)
    assert not tac.verify_cards_many(keys, messages, tacs, message_length=48).any()
    lists = [messages[at : at + 48] for at in range(0, len(messages), 48)]
    assert set(tac.verify_many(city, factors, lists, tacs)) == {TacStatus.MALFORMED}


SECRET = bytes.fromhex("C0FFEE11223344556677889900AABBCC")


@pytest.mark.parametrize(
    "call",
    [
        lambda: mac.retail_mac_many(SECRET * 2, [b"", b"", b""]),
        lambda: mac.retail_mac_many([SECRET, SECRET[:8]], [b"", b""]),
        lambda: mac.retail_mac_many(SECRET, b"abc", message_length=2),
        lambda: mac.retail_mac_many(SECRET, b"abc", message_length=0),
        lambda: mac.retail_mac_many(SECRET, b"abc", message_length=-1),
        lambda: mac.retail_mac_many(SECRET, b"abc"),
        lambda: mac.retail_mac_many(SECRET, b"abc", [0, 4]),
        lambda: mac.retail_mac_many(SECRET, b"abc", [2, 1]),
        lambda: mac.retail_mac_many(SECRET, b"abc", [-1, 1]),
        lambda: mac.retail_mac_many(SECRET, b"abc", [0.0, 3.0]),
        lambda: mac.retail_mac_many(SECRET, b"abc", []),
        lambda: mac.retail_mac_many(SECRET, ["abc"]),
        lambda: mac.retail_mac_many(SECRET, "abc", message_length=3),
        lambda: mac.retail_mac_many(SECRET, [b"abc"], iv=bytes(7)),
        lambda: mac.retail_mac_many(SECRET, [b"abc"], iv=[bytes(7)]),
        lambda: mac.retail_mac_many(SECRET, [b"abc"], length=0),
        lambda: mac.retail_mac_many(SECRET, [b"abc"], workers=0),
        lambda: mac.retail_mac_many([SECRET.hex()], [b"abc"]),
        lambda: mac.retail_mac_many(np.frombuffer(SECRET * 2, dtype=np.uint8)[::2], [b"abc"]),
        lambda: mac.retail_mac_many(SECRET, [b"abc"], cipher=Cipher.SM4),
        lambda: mac.retail_mac(SECRET, "abc"),  # type: ignore[arg-type]
        lambda: mac.retail_mac(SECRET.hex(), b"abc"),  # type: ignore[arg-type]
        lambda: mac.cbc_mac_many([SecretKey(SECRET, KeyUsage.MAC, Cipher.SM4), SECRET[:8]], [b"", b""]),
        lambda: mac.cbc_mac(SecretKey(SECRET, KeyUsage.MAC, Cipher.SM4), b"", cipher=Cipher.TDES),
        lambda: mac.x9_9_many(SECRET[:8], [b"abc"], colour=1),
        lambda: mac.cmac(SECRET, b"", padding=1),
        lambda: mac.cmac(SECRET, b"", length=9),
        lambda: mac.unionpay_mac_many(SECRET * 2, [b"a", b""]),
        lambda: cipher.ecb_many(SECRET, [bytes(7)]),
        lambda: cipher.ecb_many(SECRET, [bytes(16)]),
        lambda: cipher.cbc_many(SECRET, [bytes(9)]),
        lambda: cipher.cbc_encrypt(SECRET, bytes(8), bytes(7)),
        lambda: diversify.diversify_many(SECRET, [bytes(8)], levels=2),
        lambda: diversify.diversify_many(SECRET, [bytes(8)], levels=0),
        lambda: diversify.diversify_many(SECRET[:8], [bytes(8)]),
        lambda: diversify.diversify(SECRET, bytes(8), cipher=Cipher.AES),
        lambda: diversify.diversify(SECRET),
        lambda: diversify.session_key(SECRET, bytes(7)),
        lambda: tac.verify_many(SECRET, bytes(8), [bytes(22)] * 2, [bytes(4)] * 2),
        lambda: tac.verify_many(SECRET[:8], bytes(8), [bytes(22)], [bytes(4)]),
        lambda: tac.compute_many(SECRET, bytes(7), [bytes(22)]),
    ],
)
def test_a_wrong_call_is_a_typed_error_without_key_material(call: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        call()
    text = f"{caught.value!s} {caught.value!r}".lower()
    assert "c0ffee" not in text
    assert "aabbcc" not in text


@pytest.mark.parametrize("usage", [KeyUsage.ENC, KeyUsage.DLK, KeyUsage.DPK, KeyUsage.DTK])
def test_keys_keep_to_their_usage(usage: KeyUsage) -> None:
    key = SecretKey(SECRET, usage)
    for call in (mac.retail_mac, mac.cbc_mac, mac.cmac, mac.unionpay_mac):
        with pytest.raises(KeyRefused):
            call(key, b"text")
    with pytest.raises(KeyRefused):
        cipher.ecb_encrypt(SecretKey(SECRET, KeyUsage.MAC), bytes(8))


def test_copies_of_keys_are_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bulk.PackedKeys] = []
    pack_keys = bulk.pack_keys

    def spy(*args: Any, **how: Any) -> tuple[Cipher, bulk.PackedKeys]:
        kind, packed = pack_keys(*args, **how)
        seen.append(packed)
        return kind, packed

    monkeypatch.setattr(bulk, "pack_keys", spy)
    mac.retail_mac_many([SECRET] * 3, [b"a", b"b", b"c"])
    with pytest.raises(SBCardError):
        mac.retail_mac_many([SECRET] * 3, [b"a", b"b", b"c"], length=9)
    assert [bytes(packed.data) for packed in seen] == [bytes(48)] * 2
    key = SecretKey(SECRET, KeyUsage.MAC)
    mac.retail_mac_many(key, [b"a", b"b"])
    assert key.material() == SECRET


class Binary:
    """An Arrow array of variable binary values made by hand: what a data frame hands over."""

    def __init__(self, values: list[bytes]) -> None:
        self.values = values

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[Any, Any]:
        from sbcard_core import arrow as inside

        offsets = np.array(list(accumulate(map(len, self.values), initial=0)), dtype=np.int32)
        data = np.frombuffer(b"".join(self.values) or b"\0", dtype=np.uint8)
        buffers = (inside.ct.c_void_p * 3)(None, offsets.ctypes.data, data.ctypes.data)
        schema = inside.Schema(
            format=b"z", name=b"", release=inside.ct.cast(inside.release_schema, inside.ct.c_void_p).value
        )
        column = inside.Array(
            length=len(self.values),
            n_buffers=3,
            buffers=inside.ct.cast(buffers, inside.ct.POINTER(inside.ct.c_void_p)),
            release=inside.ct.cast(inside.release_array, inside.ct.c_void_p).value,
        )
        keep = (offsets, data, buffers)
        return (
            inside.hand_out(schema, None),
            inside.hand_out(column, keep),
        )


def test_what_comes_out_goes_in_again() -> None:
    """An Arrow result is an Arrow argument: derived keys go straight into MACs, nothing is left behind."""
    from sbcard_core import arrow as inside

    gc.collect()
    before = set(inside._alive), set(inside._structs)
    factors, messages = [rng.randbytes(8) for _ in range(40)], ragged(40)
    keys = diversify.diversify_many(SecretKey(SECRET, KeyUsage.STK), Binary(factors))
    made = mac.retail_mac_many(keys, Binary(messages), iv=FixedBinary(bytes(8) * 40, 8))
    assert list(made) == mac.retail_mac_many(list(keys), messages)
    with pytest.raises(IndexError):
        made[40]
    del keys, made
    gc.collect()
    assert (set(inside._alive), set(inside._structs)) == before


def test_arrow_columns_that_are_refused() -> None:
    class Text(FixedBinary):
        format = "u"

    for column in (Text(b"ab", 1), Statuses(b"ab")):
        with pytest.raises(InvalidValue, match="not binary"):
            mac.retail_mac_many(SECRET * 2, column)
