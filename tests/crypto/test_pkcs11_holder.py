"""A real token, SoftHSM2: the same answers as in software, from keys that can't be read."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from sbcard_core.crypto import pkcs11_holder, pkcs11_tokens
from sbcard_core.crypto.auth import AuthRules, ProcessKeyRule
from sbcard_core.crypto.errors import (
    AssumptionNotSet,
    HolderFailed,
    HolderUnable,
    KeyMissing,
    KeyRefused,
    WeakKey,
)
from sbcard_core.crypto.keys import Cipher, KeyUsage, SecretKey
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.crypto.pkcs11_holder import Pkcs11KeyHolder, import_key
from sbcard_core.crypto.software_holder import SoftwareKeyHolder
from sbcard_core.crypto.tac import TacStatus
from sbcard_core.errors import InvalidValue, MissingPart

LIBRARIES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
             "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so")  # fmt: skip
PIN = "246813"


def number(label: str, size: int) -> bytes:
    """Bytes that depend on a label: made up, and the same in every run."""
    return sha256(label.encode("ascii")).digest()[:size]


def masters() -> MasterKeys:
    usages = (KeyUsage.IRK, KeyUsage.RK_SSSE, KeyUsage.STK, KeyUsage.DTK, KeyUsage.TRANSPORT)
    keys = {usage: SecretKey(number(usage.value, 16), usage) for usage in usages}
    keys[KeyUsage.MAC] = SecretKey(number("mac", 32), KeyUsage.MAC, Cipher.AES)
    keys[KeyUsage.ENC] = SecretKey(number("enc", 24), KeyUsage.ENC)
    return MasterKeys(keys)


@pytest.fixture(scope="module")
def library(real_part: Callable[[str, bool, str], None]) -> str:
    found = [path for path in LIBRARIES if Path(path).is_file()]
    tool = shutil.which("softhsm2-util")
    real_part("SoftHSM2", bool(found and tool), "apt-get install softhsm2")
    package = importlib.util.find_spec("pkcs11") is not None
    real_part("python-pkcs11", package, "pip install 'sbcard-core[hsm]'")
    return found[0]


@pytest.fixture(scope="module")
def token(library: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A token of our own, with the masters in it."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n", "ascii"
    )
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    command = ["softhsm2-util", "--init-token", "--free", "--label", "sbcard", "--so-pin", "12345678", "--pin", PIN]
    for label in ("sbcard", "twice", "twice"):
        command[command.index("--label") + 1] = label
        subprocess.run(command, check=True, capture_output=True)
    with Pkcs11KeyHolder.open(library, "sbcard", PIN) as holder, masters() as keys:
        for usage in keys:
            import_key(holder._session, keys.get(usage))
    yield "sbcard"
    if before is None:
        del os.environ["SOFTHSM2_CONF"]
    else:
        os.environ["SOFTHSM2_CONF"] = before


@pytest.fixture
def open_token(library: str, token: str) -> Iterator[Callable[..., Pkcs11KeyHolder]]:
    made: list[Pkcs11KeyHolder] = []

    def opener(**how: Any) -> Pkcs11KeyHolder:
        made.append(Pkcs11KeyHolder.open(library, token, PIN, **how))
        return made[-1]

    yield opener
    for holder in made:
        holder.close()


def paths(count: int, cities: int = 2) -> bytes:
    return b"".join(f"43{i % cities:02}00sx".encode() + number(f"card {i}", 8) for i in range(count))


@pytest.mark.parametrize("rule", ProcessKeyRule)
def test_cryptograms(open_token: Callable[..., Pkcs11KeyHolder], rule: ProcessKeyRule) -> None:
    rules, count = AuthRules(rule), 8
    call = (KeyUsage.RK_SSSE, paths(count), number("p", 32) * 2, number("o", 32) * 2)
    with SoftwareKeyHolder(masters(), auth_rules=rules) as software:
        assert open_token(auth_rules=rules).cryptogram_many(*call) == software.cryptogram_many(*call)
    with pytest.raises(AssumptionNotSet):
        open_token().cryptogram_many(*call)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_macs_and_encryption(open_token: Callable[..., Pkcs11KeyHolder], levels: int) -> None:
    """Retail MACs composed in the token out of two-key 3DES, from one block to many."""
    messages = [number(f"m{i}", 32)[: i * 3 + 1] * (1 + i % 4) for i in range(10)] + [b"", bytes(7), bytes(8)]
    factors = b"".join(number(f"{i} {level}", 8) for i in range(len(messages)) for level in range(levels))
    token = open_token()
    with SoftwareKeyHolder(masters()) as software:
        for how in ({}, {"iv": b"\x11" * 8, "length": 8}):
            expected = software.mac_many(KeyUsage.STK, factors, messages, levels=levels, **how)
            assert token.mac_many(KeyUsage.STK, factors, messages, levels=levels, **how) == expected
        blocks = [bytes(8 * (1 + i % 3)) for i in range(len(messages))]
        expected = software.encrypt_many(KeyUsage.STK, factors, blocks, levels=levels)
        assert token.encrypt_many(KeyUsage.STK, factors, blocks, levels=levels) == expected


def test_keys_that_are_not_derived(open_token: Callable[..., Pkcs11KeyHolder]) -> None:
    token = open_token()
    with SoftwareKeyHolder(masters()) as software:
        messages = [b"", b"a", bytes(16), bytes(40)]
        direct = {"levels": 0, "length": 16}
        assert token.mac_many(KeyUsage.MAC, b"", messages, **direct) == software.mac_many(
            KeyUsage.MAC, b"", messages, **direct
        )
        data = [bytes(8), bytes(24)]
        assert token.encrypt_many(KeyUsage.ENC, b"", data, levels=0) == software.encrypt_many(
            KeyUsage.ENC, b"", data, levels=0
        )
        for usage in (KeyUsage.IRK, KeyUsage.MAC, KeyUsage.ENC):
            assert token.kcv(usage) == software.kcv(usage)
    with pytest.raises(HolderUnable):
        token.mac_many(KeyUsage.STK, b"", [b"a"], levels=0)
    with pytest.raises(HolderUnable):
        token.encrypt_many(KeyUsage.TRANSPORT, b"", [], levels=0) or token.mac_many(KeyUsage.MAC, paths(1), [b"a"])


def test_tacs_only_where_card_keys_may_leave(open_token: Callable[..., Pkcs11KeyHolder]) -> None:
    count, factors = 20, paths(20, cities=3)
    messages = [number(f"t{i}", 22) for i in range(count)]
    with SoftwareKeyHolder(masters()) as software:
        from sbcard_core.crypto import tac
        from sbcard_core.crypto.diversify import diversify

        dtk = masters().get(KeyUsage.DTK)
        rows = [factors[at : at + 16] for at in range(0, len(factors), 16)]
        tacs = [tac.compute(diversify(dtk, row[:8], row[8:]), m) for row, m in zip(rows, messages, strict=True)]
        tacs[3], messages[4] = bytes(4), b"short"
        found = open_token(card_keys_may_leave=True).tac_verify_many(factors, messages, tacs)
        assert found == software.tac_verify_many(factors, messages, tacs)
        assert found[2:5] == [TacStatus.VERIFIED, TacStatus.MISMATCH, TacStatus.MALFORMED]
    with pytest.raises(HolderUnable, match="may not leave"):
        open_token().tac_verify_many(factors, messages, tacs)


def test_nothing_is_left_and_nothing_can_be_read(open_token: Callable[..., Pkcs11KeyHolder]) -> None:
    import pkcs11

    token = open_token(auth_rules=AuthRules(ProcessKeyRule.DIVERSIFY_16))
    objects = list(token._session.get_objects())
    token.cryptogram_many(KeyUsage.IRK, paths(3), bytes(24), bytes(24))
    token.mac_many(KeyUsage.STK, paths(3), [b"a"] * 3)
    assert len(list(token._session.get_objects())) == len(objects) == len(list(masters()))
    for key in objects:
        with pytest.raises(pkcs11.exceptions.AttributeSensitive):
            key[pkcs11.Attribute.VALUE]


def test_refusals(open_token: Callable[..., Pkcs11KeyHolder]) -> None:
    token = open_token(auth_rules=AuthRules(ProcessKeyRule.DIVERSIFY_16), labels={KeyUsage.RK: "RK_SSSE"})
    assert token.kcv(KeyUsage.RK) == token.kcv(KeyUsage.RK_SSSE)
    with pytest.raises(KeyMissing):
        token.kcv(KeyUsage.PUK)
    for call in (
        lambda: token.cryptogram_many(KeyUsage.DTK, paths(1), bytes(8), bytes(8)),
        lambda: token.mac_many(KeyUsage.DTK, paths(1), [b"a"]),
        lambda: token.encrypt_many(KeyUsage.MAC, paths(1), [bytes(16)]),
    ):
        with pytest.raises(KeyRefused):
            call()
    for wrong in (
        lambda: token.cryptogram_many(KeyUsage.IRK, paths(1), bytes(8), bytes(7)),
        lambda: token.mac_many(KeyUsage.STK, paths(1), [b"a"], length=9),
        lambda: token.mac_many(KeyUsage.STK, paths(1), [b"a"], iv=bytes(7)),
        lambda: token.mac_many(KeyUsage.STK, paths(2), [b"a"]),
        lambda: token.encrypt_many(KeyUsage.STK, paths(1), [bytes(9)]),
    ):
        with pytest.raises(InvalidValue):
            wrong()
    for key in (SecretKey(bytes(8), KeyUsage.MAC), SecretKey(bytes(16), KeyUsage.IRK, Cipher.SM4)):
        with pytest.raises(KeyRefused):
            import_key(token._session, key)


@pytest.mark.parametrize("opening", [("sbcard", "000000"), ("other", PIN)])
def test_a_wrong_pin_or_token(library: str, token: str, opening: tuple[str, str]) -> None:
    with pytest.raises(HolderFailed) as caught:
        Pkcs11KeyHolder.open(library, *opening)
    assert opening[1] not in str(caught.value)


def test_two_holders_share_a_login(open_token: Callable[..., Pkcs11KeyHolder]) -> None:
    first, second = open_token(), open_token()
    assert first.kcv(KeyUsage.IRK) == second.kcv(KeyUsage.IRK)


def test_the_extra_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(MissingPart, match=r"sbcard-core\[hsm\]"):
        Pkcs11KeyHolder.open("nowhere", "none", PIN)
    assert pkcs11_holder.__doc__


def test_two_tokens_of_one_label_are_told_apart_by_their_serial(library: str, token: str) -> None:
    with pytest.raises(HolderFailed, match="2 tokens have this label") as both:
        Pkcs11KeyHolder.open(library, "twice", PIN)
    assert "serial" in both.value.advice
    slots = list(pkcs11_tokens.package().lib(library).get_tokens(token_label="twice"))
    serials = [pkcs11_tokens._words(one.serial) for one in slots]
    assert len(set(serials)) == 2
    with masters() as keys, Pkcs11KeyHolder.open(library, "twice", PIN, serial=serials[1]) as second:
        import_key(second._session, keys.get(KeyUsage.DTK))
        assert second.kcv(KeyUsage.DTK) == keys.get(KeyUsage.DTK).kcv
    with Pkcs11KeyHolder.open(library, "twice", PIN, serial=serials[0]) as first, pytest.raises(KeyMissing):
        first.kcv(KeyUsage.DTK)
    with pytest.raises(HolderFailed, match="no token"):
        Pkcs11KeyHolder.open(library, token, PIN, serial="none")


def test_two_keys_of_one_label_are_no_missing_key(library: str, token: str) -> None:
    slots = list(pkcs11_tokens.package().lib(library).get_tokens(token_label="twice"))
    serial = pkcs11_tokens._words(slots[0].serial)
    with masters() as keys, Pkcs11KeyHolder.open(library, "twice", PIN, serial=serial) as holder:
        for _ in range(2):
            import_key(holder._session, keys.get(KeyUsage.IRK))
        with pytest.raises(HolderFailed, match="2 keys") as two:
            holder.kcv(KeyUsage.IRK)
        assert not isinstance(two.value, KeyMissing)


def test_a_library_that_repeats_one_key_without_end_has_one_key(library: str) -> None:
    """Seen with a public vendor library: a search by label and class never ends."""
    package = pkcs11_tokens.package()

    class Key:
        handle, key_type = 7, package.KeyType.DES2

        def encrypt(self, data: bytes, **_: Any) -> bytes:
            return bytes(len(data))

    class Session:
        def get_objects(self, _: object) -> Iterator[Key]:
            while True:
                yield Key()

    assert Pkcs11KeyHolder(Session()).kcv(KeyUsage.DTK) == "000000"


def test_a_token_that_is_not_there_is_told_with_those_that_are(library: str, token: str) -> None:
    with pytest.raises(HolderFailed, match="no token") as none:
        Pkcs11KeyHolder.open(library, "sbcard (UserPIN)", PIN)
    assert "'sbcard' serial" in none.value.advice


def test_a_key_of_another_type_is_not_taken_for_sm4(open_token: Callable[..., Pkcs11KeyHolder]) -> None:
    pkcs11 = pkcs11_tokens.package()
    attribute = pkcs11.Attribute
    labels = {KeyUsage.UK: "secret", KeyUsage.RK: "single"}
    with open_token(labels=labels) as holder:
        for label, kind, size in (("secret", pkcs11.KeyType.GENERIC_SECRET, 16), ("single", 0x13, 8)):
            holder._session.create_object(
                {attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY, attribute.KEY_TYPE: kind, attribute.LABEL: label,
                 attribute.VALUE: number(label, size), attribute.TOKEN: False, attribute.ENCRYPT: True}
            )  # fmt: skip
        for usage, found in ((KeyUsage.UK, "GENERIC_SECRET"), (KeyUsage.RK, "DES")):
            with pytest.raises(HolderFailed, match=f"type {found},"):
                holder.kcv(usage)


def test_a_key_type_of_a_vendors_own_is_a_typed_refusal() -> None:
    class Key:
        handle = 1

        @property
        def key_type(self) -> int:
            raise ValueError("2147483669 is not a valid KeyType")

    class Session:
        def get_objects(self, _: object) -> list[Key]:
            return [Key()]

    with pytest.raises(HolderFailed, match="vendor") as refused:
        Pkcs11KeyHolder(Session()).kcv(KeyUsage.IRK)
    assert refused.value.__cause__ is None


def test_a_weak_key_is_not_put_into_a_token(open_token: Callable[..., Pkcs11KeyHolder]) -> None:
    with open_token() as holder, pytest.raises(WeakKey):
        import_key(holder._session, SecretKey(bytes(range(8)) * 2, KeyUsage.RK), "weak", permanent=False)


def test_a_login_is_shared_only_where_that_was_asked_for(library: str, token: str) -> None:
    """An officer's PIN proves nothing while somebody else is logged in."""
    with Pkcs11KeyHolder.open(library, token, PIN), Pkcs11KeyHolder.open(library, token, "000000") as second:
        assert second.kcv(KeyUsage.DTK)
        with pytest.raises(HolderFailed, match="UserAlreadyLoggedIn"):
            pkcs11_tokens.open_session(library, token, PIN)
    with pytest.raises(HolderFailed, match="can't be opened: PinIncorrect") as wrong:
        pkcs11_tokens.open_session(library, token, "000000")
    assert "令牌操作失败（打开）" in wrong.value.in_language("zh")
