"""The key store file: it opens with its passphrase only, shows damage and old copies, and is written all or nothing."""

import json
import os
import secrets
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.crypto import keyfile
from sbcard_core.crypto.cmac import cmac
from sbcard_core.crypto.errors import (
    KcvMismatch,
    KeyRefused,
    KeyStoreDamaged,
    KeyStoreRefused,
    KeyStoreRolledBack,
    TestKeyRefused,
    WeakKey,
    WrongPassphrase,
)
from sbcard_core.crypto.kcv import check_kcv, check_value
from sbcard_core.crypto.keys import Cipher, KeyUsage, SecretKey, with_odd_parity
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.errors import InvalidValue, SBCardError

WORDS = "correct horse battery"
MATERIAL = bytes.fromhex("C0FFEE11223344556677889900AABBCC")


def masters(**how: Any) -> MasterKeys:
    keys = {
        KeyUsage.DTK: SecretKey(MATERIAL, KeyUsage.DTK),
        KeyUsage.IRK: SecretKey(MATERIAL[::-1], KeyUsage.IRK, Cipher.SM4),
        KeyUsage.ENC: SecretKey(MATERIAL + MATERIAL[::-1], KeyUsage.ENC, Cipher.AES),
        KeyUsage.MAC: SecretKey(MATERIAL[:8], KeyUsage.MAC),
    }
    return MasterKeys(keys, **how)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "keys.json"
    keyfile.save(target, masters(), WORDS, generation=5, cost=keyfile.LEAST_COST)
    return target


def test_round_trip(path: Path) -> None:
    with keyfile.load(path, WORDS) as loaded, masters() as expected:
        assert list(loaded) == list(expected)
        assert all(loaded.get(usage) == expected.get(usage) for usage in expected)
        assert not loaded.is_test


def test_nothing_secret_in_the_file(path: Path) -> None:
    text = path.read_text("ascii").lower()
    for secret in (MATERIAL.hex(), MATERIAL[::-1].hex(), MATERIAL[:8].hex(), WORDS):
        assert secret not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 or os.name == "nt"


def test_salt_and_nonce_are_new_each_time(path: Path, tmp_path: Path) -> None:
    keyfile.save(tmp_path / "other", masters(), WORDS, generation=5, cost=keyfile.LEAST_COST)
    one, two = json.loads(path.read_text("ascii")), json.loads((tmp_path / "other").read_text("ascii"))
    assert not {"salt", "nonce", "body", "check"} & {name for name in one if one[name] == two[name]}


@pytest.mark.parametrize("words", ["", "correct horse batterz", WORDS + " ", WORDS.upper()])
def test_wrong_passphrase(path: Path, words: str) -> None:
    with pytest.raises(WrongPassphrase) as caught:
        keyfile.load(path, words)
    assert isinstance(caught.value, KeyStoreRefused)


def test_every_changed_byte_shows(path: Path) -> None:
    """Without the passphrase nothing can be changed unseen; here each byte is changed on its own."""
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :])
        with pytest.raises(KeyStoreDamaged):
            keyfile.load(path, WORDS)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"sha256": 1}', b"0" * (keyfile.MAX_SIZE + 1)]
)
def test_no_key_store(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(KeyStoreDamaged):
        keyfile.load(path, WORDS)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_cut(path: Path, keep: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(KeyStoreDamaged):
        keyfile.load(path, WORDS)


def reseal(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the file as somebody would who can compute the outer digest but has no passphrase."""
    whole = json.loads(path.read_bytes())
    del whole["sha256"]
    change(whole)
    whole["sha256"] = keyfile.sha256(keyfile._bytes(whole)).hexdigest()
    path.write_bytes(keyfile._bytes(whole))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda whole: whole.update(generation=9), WrongPassphrase),
        (lambda whole: whole.update(test=True), WrongPassphrase),
        (lambda whole: whole.update(n=keyfile.COST), WrongPassphrase),
        (lambda whole: whole.update(n=keyfile.MOST_COST * 2), KeyStoreDamaged),
        (lambda whole: whole.update(n=keyfile.LEAST_COST + 1), KeyStoreDamaged),
        (lambda whole: whole.update(n=True), KeyStoreDamaged),
        (lambda whole: whole.update(form="other"), KeyStoreDamaged),
        (lambda whole: whole.update(body=whole["body"][:-4] + "AAA="), KeyStoreDamaged),
        (lambda whole: whole.update(body="*"), KeyStoreDamaged),
        (lambda whole: whole.pop("salt"), KeyStoreDamaged),
    ],
)
def test_a_forged_head_or_body_is_refused(path: Path, change: Any, error: type[SBCardError]) -> None:
    reseal(path, change)
    with pytest.raises(error):
        keyfile.load(path, WORDS)


def test_an_old_copy_is_seen(path: Path) -> None:
    old = path.read_bytes()
    keyfile.save(path, masters(), WORDS, generation=6, cost=keyfile.LEAST_COST)
    keyfile.load(path, WORDS, least_generation=6).close()
    path.write_bytes(old)
    with pytest.raises(KeyStoreRolledBack):
        keyfile.load(path, WORDS, least_generation=6)
    for generation in (4, 5):
        with pytest.raises(KeyStoreRolledBack):
            keyfile.save(path, masters(), WORDS, generation=generation, cost=keyfile.LEAST_COST)
    assert path.read_bytes() == old


def test_test_keys_stay_in_simulators(tmp_path: Path) -> None:
    target = tmp_path / "test-keys"
    with MasterKeys.simulation(1) as keys:
        keyfile.save(target, keys, WORDS, cost=keyfile.LEAST_COST)
    with pytest.raises(TestKeyRefused):
        keyfile.load(target, WORDS)
    assert keyfile.load(target, WORDS, simulator=True).is_test


@pytest.mark.parametrize(
    "material",
    ["11223344556677888877665544332211", "0123456789ABCDEFFEDCBA9876543210", "404142434445464748494A4B4C4D4E4F"],
)
def test_published_keys_are_no_production_keys(tmp_path: Path, material: str) -> None:
    keys = {KeyUsage.DLK: SecretKey(bytes.fromhex(material), KeyUsage.DLK)}
    with pytest.raises(TestKeyRefused):
        keyfile.save(tmp_path / "keys", MasterKeys(keys), WORDS, cost=keyfile.LEAST_COST)
    assert list(tmp_path.iterdir()) == []
    keyfile.save(tmp_path / "keys", MasterKeys(keys, is_test=True), WORDS, cost=keyfile.LEAST_COST)


def test_check_values_are_checked_at_load(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(SecretKey, "kcv", property(lambda key: "000000"))
        keyfile.save(path, masters(), WORDS, generation=6, cost=keyfile.LEAST_COST)
    with pytest.raises(KcvMismatch) as caught:
        keyfile.load(path, WORDS)
    assert "c0ffee" not in str(caught.value).lower()


@pytest.mark.parametrize("stage", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    old = path.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "fsync", fail) if stage == "fsync" else (os, "replace", fail)))
        with pytest.raises(OSError, match="disk full"):
            keyfile.save(path, masters(), WORDS, generation=9, cost=keyfile.LEAST_COST)
    assert path.read_bytes() == old
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("how", [{"passphrase": "short"}, {"cost": 1000}, {"cost": 1 << 30}, {"cost": 3 << 14}])
def test_weak_settings_are_refused(tmp_path: Path, how: dict[str, Any]) -> None:
    with pytest.raises(SBCardError):
        keyfile.save(tmp_path / "keys", masters(), **{"passphrase": WORDS, **how})


def test_components() -> None:
    parts = [bytes((i,)) * 15 + b"\x77" for i in (1, 2, 4)]
    key = SecretKey.from_components(parts, KeyUsage.DTK)
    assert key.material() == b"\x07" * 15 + b"\x77"
    assert SecretKey.from_components(parts, KeyUsage.DTK, expect_kcv=key.kcv.lower()) == key
    for wrong in ([parts[0]], [], [parts[0], parts[1][:8]], [parts[0], parts[0]], [bytes(7), bytes(7)]):
        with pytest.raises(KeyRefused):
            SecretKey.from_components(wrong, KeyUsage.DTK)
    with pytest.raises(KcvMismatch):
        SecretKey.from_components(parts, KeyUsage.DTK, expect_kcv="000000")
    for value in (
        "zz",
        "密钥",
        "8CA",
        "8CA64",
        "8CA64D" * 3,
        "8CA64G",
        "8CA64D-",
    ):  # no check value: not the key is wrong
        with pytest.raises(InvalidValue, match="4 to 16 hex digits") as form:
            SecretKey.from_components(parts, KeyUsage.DTK, expect_kcv=value)
        assert not isinstance(form.value, KcvMismatch)


@pytest.mark.parametrize("algorithm", list(Cipher))
def test_check_values_of_4_to_16_digits(algorithm: Cipher) -> None:
    """As security modules print them: a part of the zero block under the key, blanks between and around."""
    key = SecretKey(bytes(range(1, 1 + max(algorithm.key_lengths))), KeyUsage.MAC, algorithm)
    whole = check_value(key, digits=16)
    assert whole.startswith(key.kcv)
    for digits in range(4, 17):
        if digits % 2:
            with pytest.raises(InvalidValue):
                check_kcv(key, whole[:digits])
            continue
        check_kcv(key, whole[:digits])
        check_kcv(key, f" {whole[: digits // 2].lower()} {whole[digits // 2 : digits]}  ")
        with pytest.raises(KcvMismatch):
            check_kcv(key, whole[: digits - 1] + ("0" if whole[digits - 1] != "0" else "1"))


def test_zero_key_has_the_published_check_value() -> None:
    for value in ("8CA6", "8CA64DE9C1B123A7", "8CA64D "):
        check_kcv(SecretKey(bytes(16), KeyUsage.MAC), value)


SEARCH = """
import re, sys
from pathlib import Path
from sbcard_core.crypto import keyfile
path, words, masked = Path(sys.argv[1]), sys.argv[2], bytes.fromhex(sys.argv[3])
keys = keyfile.load(path, words)
if len(sys.argv) > 4:
    kept = bytes(byte ^ 0x5A for byte in masked)  # as an error or a parser would
found = 0
with open("/proc/self/mem", "rb", 0) as memory:
    for line in Path("/proc/self/maps").read_text().splitlines():
        span = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
        if span and "[v" not in line:
            low, high = (int(one, 16) for one in span.groups())
            memory.seek(low)
            raw = memory.read(high - low)
            found += raw.translate(bytes(byte ^ 0x5A for byte in range(256))).count(masked)
print(found)
"""


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads its own memory through /proc")
def test_no_hex_of_a_key_stays_in_memory(tmp_path: Path) -> None:
    material = secrets.token_bytes(16)
    with MasterKeys({KeyUsage.DTK: SecretKey(material, KeyUsage.DTK)}) as keys:
        keyfile.save(tmp_path / "keys", keys, WORDS, cost=keyfile.LEAST_COST)
    masked = bytes(byte ^ 0x5A for byte in material.hex().encode("ascii")).hex()

    def found(*more: str) -> int:
        command = [sys.executable, "-c", SEARCH, str(tmp_path / "keys"), WORDS, masked, *more]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert found("keep") > 0  # the search finds one that is kept
    assert found() == 0


def test_no_error_keeps_what_was_in_the_file(tmp_path: Path) -> None:
    """A body that decrypts and is no list of keys: neither the error nor what it came of holds a key's hex."""
    material = MATERIAL.hex()
    for clear in (f'{{"keys":[["DTK","3DES","{material}"', f'{{"keys":[["DTK","3DES","{material}",5]]}}'):
        path = tmp_path / "keys"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(keyfile, "_clear", lambda _, clear=clear: bytearray(clear.encode("ascii")))
            path.unlink(missing_ok=True)
            keyfile.save(path, masters(), WORDS, cost=keyfile.LEAST_COST)
        with pytest.raises(KeyStoreDamaged) as damaged:
            keyfile.load(path, WORDS)
        error: BaseException | None = damaged.value
        while error is not None:
            assert material not in repr(vars(error)) + repr(error.args) + str(getattr(error, "doc", ""))
            error = error.__cause__ or error.__context__


def test_equality_tells_usage_and_algorithm_apart() -> None:
    key = SecretKey(MATERIAL, KeyUsage.DTK)
    assert key == SecretKey(MATERIAL, KeyUsage.DTK)
    assert key != SecretKey(MATERIAL, KeyUsage.DPK)
    assert key != SecretKey(MATERIAL, KeyUsage.DTK, Cipher.SM4)
    assert key != SecretKey(MATERIAL[::-1], KeyUsage.DTK)
    assert key != MATERIAL
    with pytest.raises(TypeError):
        hash(key)


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        (f"caf\u00e9 {WORDS}", f"cafe\u0301 {WORDS}"),
        (f"cafe\u0301 {WORDS}", f"caf\u00e9 {WORDS}"),
        ("Passphrase-2026!", "Ｐａｓｓｐｈｒａｓｅ－２０２６！"),
    ],
)
def test_one_passphrase_in_any_spelling_opens_the_file(tmp_path: Path, written: str, typed: str) -> None:
    keyfile.save(tmp_path / "keys", masters(), written, cost=keyfile.LEAST_COST)
    for words in (written, typed):
        keyfile.load(tmp_path / "keys", words).close()
    with pytest.raises(WrongPassphrase):
        keyfile.load(tmp_path / "keys", typed + "x")


def test_a_file_written_with_the_passphrase_as_typed_opens_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = f"cafe\u0301 {WORDS}"
    with monkeypatch.context() as before:
        before.setattr(keyfile, "new_passphrase", lambda words, *_: words.encode("utf-8"))
        keyfile.save(tmp_path / "keys", masters(), typed, cost=keyfile.LEAST_COST)
    keyfile.load(tmp_path / "keys", typed).close()


@pytest.mark.parametrize("short", ["elevensigns", "e\u0301" * 11, "\ufdfa" * 11, "Ｅ" * 11, "\u110b\u1161\u11ab" * 11])
def test_the_characters_of_a_passphrase_count_and_not_the_keys_they_take(tmp_path: Path, short: str) -> None:
    with pytest.raises(SBCardError, match="12 characters"):
        keyfile.save(tmp_path / "keys", masters(), short, cost=keyfile.LEAST_COST)
    assert not (tmp_path / "keys").exists()
    keyfile.save(tmp_path / "keys", masters(), short + "x", cost=keyfile.LEAST_COST)


def test_half_a_character_is_no_passphrase(tmp_path: Path) -> None:
    keyfile.save(tmp_path / "keys", masters(), WORDS, cost=keyfile.LEAST_COST)
    for call in (
        lambda: keyfile.save(tmp_path / "more", masters(), WORDS + "\udcff"),
        lambda: keyfile.load(tmp_path / "keys", WORDS + "\udcff"),
    ):
        with pytest.raises(SBCardError, match="half a character") as refused:
            call()
        assert WORDS not in str(refused.value)
        assert refused.value.__cause__ is None


@pytest.mark.parametrize("material", ["404142434445464748494A4B4C4D4E4F", "00" * 16, "FF" * 16, "0123456789ABCDEF" * 2])
def test_a_published_key_stays_one_in_every_form_a_cipher_takes_for_it(tmp_path: Path, material: str) -> None:
    key = bytes.fromhex(material)
    forms = {key, with_odd_parity(key), bytes(byte ^ 1 for byte in key), key + key[:8], with_odd_parity(key) + key[:8]}
    if key[:8] == key[8:]:
        forms |= {key[:8], with_odd_parity(key[:8])}
    for form in forms:
        held = {KeyUsage.DLK: SecretKey(form, KeyUsage.DLK)}
        if key[:8] == key[8:] and len(form) > 8:  # refused before that, as single DES
            with pytest.raises(WeakKey):
                MasterKeys(held)
            assert keyfile._digest(form) in keyfile.PUBLISHED
            continue
        with pytest.raises(TestKeyRefused):
            keyfile.save(tmp_path / "keys", MasterKeys(held), WORDS, cost=keyfile.LEAST_COST)
    other = MasterKeys({KeyUsage.DLK: SecretKey(bytes([key[0] ^ 2]) + key[1:], KeyUsage.DLK)})
    keyfile.save(tmp_path / "keys", other, WORDS, cost=keyfile.LEAST_COST)


def test_components_that_differ_in_parity_only_cancel_out() -> None:
    parts = [MATERIAL, with_odd_parity(MATERIAL)]
    assert parts[0] != parts[1]
    with pytest.raises(KeyRefused, match="cancel out"):
        SecretKey.from_components(parts, KeyUsage.DTK)
    assert SecretKey.from_components(parts, KeyUsage.DTK, Cipher.SM4).algorithm is Cipher.SM4


@given(st.sampled_from(Cipher.AES.key_lengths).flatmap(lambda size: st.binary(min_size=size, max_size=size)))
def test_an_aes_key_has_its_check_value_by_encryption_and_by_cmac(material: bytes) -> None:
    key = SecretKey(material, KeyUsage.ENC, Cipher.AES)
    by_cmac = cmac(material, bytes(16), cipher=Cipher.AES, length=8).hex()
    for digits in (4, 6, 10, 16):
        check_kcv(key, by_cmac[:digits])
        check_kcv(key, check_value(key, digits=digits))
    wrong = f"{int(by_cmac, 16) ^ 1:016x}"
    with pytest.raises(KcvMismatch):
        check_kcv(key, wrong)
    if len(material) == 16:
        with pytest.raises(KcvMismatch):
            check_kcv(SecretKey(material, KeyUsage.ENC, Cipher.SM4), by_cmac)


@pytest.mark.parametrize(
    ("component", "value"),
    [
        ("027576E507A7CB3BFB320D0740BADC51", "E34191"), ("616E32A8F7CB046120A7B5831007A273", "260525"),
        ("191A547C0B3B045EAB8C3E5192D015DC", "39E99C"),
    ],
)  # fmt: skip
def test_check_values_as_a_simulated_security_module_prints_them(component: str, value: str) -> None:
    """Three key components out of a public guide."""
    key = SecretKey(bytes.fromhex(component), KeyUsage.TRANSPORT)
    check_kcv(key, f"{value[:4]} {value[4:]}")
    assert check_value(key) == value


def test_published_check_values_of_the_aes_key_of_zeros() -> None:
    """By CMAC as public payment documentation prints it, by encryption as everywhere."""
    key = SecretKey(bytes(16), KeyUsage.MAC, Cipher.AES)
    for value in ("763CBC", "763cbcde81df9131", "66E94B"):
        check_kcv(key, value)
