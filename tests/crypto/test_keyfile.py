"""The key store file: it opens with its passphrase only, shows damage and old copies, and is written all or nothing."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sbcard_core.crypto import keyfile
from sbcard_core.crypto.errors import (
    KcvMismatch,
    KeyRefused,
    KeyStoreDamaged,
    KeyStoreRefused,
    KeyStoreRolledBack,
    TestKeyRefused,
    WrongPassphrase,
)
from sbcard_core.crypto.keys import Cipher, KeyUsage, SecretKey
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.errors import SBCardError

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
    "material", ["11223344556677888877665544332211", "0123456789ABCDEFFEDCBA9876543210", "00" * 16]
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
    for value in ("000000", "", "zz", "密钥"):
        if value:
            with pytest.raises(KcvMismatch):
                SecretKey.from_components(parts, KeyUsage.DTK, expect_kcv=value)


def test_equality_tells_usage_and_algorithm_apart() -> None:
    key = SecretKey(MATERIAL, KeyUsage.DTK)
    assert key == SecretKey(MATERIAL, KeyUsage.DTK)
    assert key != SecretKey(MATERIAL, KeyUsage.DPK)
    assert key != SecretKey(MATERIAL, KeyUsage.DTK, Cipher.SM4)
    assert key != SecretKey(MATERIAL[::-1], KeyUsage.DTK)
    assert key != MATERIAL
    with pytest.raises(TypeError):
        hash(key)
