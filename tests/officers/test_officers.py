"""Approvals count only with a proof of the registered officer's own, over exactly the act that is done."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given as each
from hypothesis import settings
from hypothesis import strategies as st

from sbcard_core.crypto.errors import HolderFailed
from sbcard_core.errors import InvalidValue
from sbcard_core.officers import (
    Act,
    Approval,
    ApprovalRefused,
    InSession,
    KeyFile,
    Method,
    Officer,
    Officers,
    TokenKey,
    given,
    load,
    new_key,
    proved,
    record,
    require,
)
from sbcard_core.store import Store, schema

DAY, SECRET = date(2014, 8, 1), "correct horse"
ACT = Act("payout.roll", "pension-2014-07-R001", "0" * 64, DAY)
ENCRYPTED = serialization.BestAvailableEncryption(SECRET.encode())


def pem(key, encryption=ENCRYPTED) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def public(key) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


class Sessions:
    """Sessions of a calling system: the proof is the officer and the subject."""

    def confirms(self, officer: str, act: Act, proof: bytes) -> bool:
        return proof == f"{officer} {act.subject}".encode()


@pytest.fixture(scope="module")
def keys() -> dict[str, tuple[bytes, str]]:
    curve = ec.generate_private_key(ec.SECP256R1())
    return {"li": new_key(SECRET), "wang": new_key(SECRET), "zhao": (pem(curve), public(curve))}


@pytest.fixture(scope="module")
def office(keys) -> Officers:
    with_keys = [Officer(one, one, key[1]) for one, key in keys.items()]
    return Officers([*with_keys, Officer("qian", "钱"), Officer("sun", "孙")], sessions=Sessions())


@pytest.fixture(scope="module")
def signers(keys) -> dict[str, KeyFile]:
    return {one: KeyFile(one, key[0], lambda: SECRET) for one, key in keys.items()}


def refused(code: str):
    return pytest.raises(ApprovalRefused, check=lambda error: error.code == code)


def asked(store: Store, office: Officers, act: Act, *signers, **named) -> None:
    with store.begin() as connection:
        require(connection, office, act, signers, **{"needed": 2, **named})


def stored(store: Store, act: Act = ACT) -> list[str]:
    with store.begin() as connection:
        return [one.officer for one in given(connection, act.kind, act.subject, act.digest)]


def test_two_officers_of_any_proof_are_enough(store: Store, office: Officers, signers) -> None:
    asked(store, office, ACT, signers["li"], InSession("qian", f"qian {ACT.subject}".encode()))
    assert stored(store) == ["li", "qian"]
    asked(store, office, ACT, signers["li"], signers["zhao"])  # the same again, and one more
    assert stored(store) == ["li", "qian", "zhao"]


def test_what_proves_nothing_is_refused_and_nothing_is_stored(store: Store, office: Officers, keys, signers) -> None:
    other = Act(ACT.kind, ACT.subject, "1" * 64, DAY)
    wang = signers["wang"]
    later = wang.approve(Act(ACT.kind, ACT.subject, ACT.digest, DAY + timedelta(days=1)))
    forged = Approval(ACT, "wang", Method.SIGNATURE, signers["li"].approve(ACT).proof)
    for code, second in (
        ("officer", InSession("stranger", b"")),
        ("officer", InSession("王复核", b"")),
        ("officer", InSession("Li", f"Li {ACT.subject}".encode())),
        ("proof", InSession("qian", b"guess")),
        ("proof", InSession("qian", b"sun pension-2014-07-R001")),
        ("proof", Approval(ACT, "qian", Method.SIGNATURE, signers["li"].approve(ACT).proof)),  # has no key
        ("proof", Approval(ACT, "wang", Method.TYPED, b"")),
        ("proof", forged),
        ("proof", KeyFile("wang", keys["li"][0], lambda: SECRET)),  # signed with another's key
        ("act", wang.approve(other)),
        ("order", later),
        ("count", signers["li"]),
    ):
        with refused(code):
            asked(store, office, ACT, signers["li"], second)
    with refused("officer"):
        asked(store, office, ACT, signers["li"], wang, not_by={"li"})
    assert stored(store) == []
    asked(store, office, ACT, signers["li"], wang, not_by={"zhang"})


def test_an_approval_of_the_day_before_counts(store: Store, office: Officers, signers) -> None:
    before = Act(ACT.kind, ACT.subject, ACT.digest, DAY - timedelta(days=1))
    asked(store, office, ACT, signers["li"].approve(before), signers["wang"])
    assert stored(store) == ["li", "wang"]


def test_a_row_written_by_somebody_else_approves_nothing(store: Store, office: Officers, signers) -> None:
    values = {"kind": ACT.kind, "subject": ACT.subject, "digest": ACT.digest, "on_date": "2014-08-01"}
    good = signers["li"].approve(ACT).proof.hex()
    with store.begin() as connection:
        for officer, method, proof in (
            ("wang", "signature", good),
            ("stranger", "session", ""),
            ("zhao", "typed", ""),
            ("li", "signature", good),
        ):
            row = {**values, "officer": officer, "method": method, "proof": proof}
            connection.execute(schema.approval.insert().values(row))
        counted = proved(connection, office, ACT.kind, ACT.subject, ACT.digest)
        record(connection, signers["zhao"].approve(ACT))  # a typed name becomes a signature
        now = proved(connection, office, ACT.kind, ACT.subject, ACT.digest)
    assert [one.officer for one in counted] == ["li"]
    assert sorted(one.officer for one in now) == ["li", "zhao"]


@pytest.mark.parametrize("column", ["on_date", "method", "proof"])
def test_a_row_that_nothing_of_ours_wrote_is_passed_over(store: Store, office: Officers, signers, column: str) -> None:
    """It neither counts nor keeps the approval beside it from counting."""
    values = {"kind": ACT.kind, "subject": ACT.subject, "digest": ACT.digest, "on_date": "2014-08-01"}
    values |= {"officer": "li", "method": "signature", "proof": signers["li"].approve(ACT).proof.hex(), column: "?"}
    with store.begin() as connection:
        connection.execute(schema.approval.insert().values(values))
        record(connection, signers["wang"].approve(ACT))
        counted = proved(connection, office, ACT.kind, ACT.subject, ACT.digest)
    assert [one.officer for one in counted] == ["wang"]


texts = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=9)
acts = st.builds(
    Act,
    st.sampled_from(["payout.roll", "payout.repay"]),
    texts,
    st.sampled_from(["0" * 64, "1" * 64]),
    st.dates(DAY, DAY + timedelta(days=2)),
)


@each(signed=acts, shown=acts, as_officer=st.sampled_from(["li", "wang", "zhao"]))
def test_a_signature_is_good_for_its_own_act_and_officer_alone(office, signers, signed, shown, as_officer) -> None:
    proof = signers["li"].approve(signed).proof
    try:
        good = office.check(Approval(shown, as_officer, Method.SIGNATURE, proof)).id == "li"
    except ApprovalRefused:
        good = False
    assert good is (signed == shown and as_officer == "li")


@settings(max_examples=40)
@each(act=acts)
def test_an_approval_survives_its_file(signers, office, act: Act) -> None:
    approval = signers["zhao"].approve(act)
    again = Approval.from_json(approval.to_json())
    assert (again, office.check(again).id) == (approval, "zhao")


def test_a_file_that_is_no_approval_is_refused(signers) -> None:
    good = json.loads(signers["li"].approve(ACT).to_json())
    for broken in ("", "[]", "{}", *(json.dumps({**good, name: "é\n"}) for name in good)):
        with pytest.raises(InvalidValue):
            Approval.from_json(broken)


def test_one_person_is_one_officer(keys) -> None:
    li = Officer("li", "李", keys["li"][1])
    for twin in (Officer("li", "李"), Officer("LI", "李"), Officer("li2", "李", keys["li"][1] + "\n")):
        with pytest.raises(InvalidValue):
            Officers([li, twin])
    for wrong in ("", "李", "a b", "a\u200b", "-a", "a" * 65, "ａ"):
        with pytest.raises(InvalidValue):
            Officer(wrong, "李")
    assert [one.id for one in Officers([li, Officer("wang", "李")])] == ["li", "wang"]


def test_keys_that_prove_nobody_are_refused(keys) -> None:
    plain = pem(ec.generate_private_key(ec.SECP256R1()), serialization.NoEncryption())
    old = rsa.generate_private_key(65537, 2048)
    for data in (plain, pem(old), b"", keys["li"][1].encode()):
        with pytest.raises(InvalidValue):
            KeyFile("li", data, lambda: SECRET)
    with refused("proof"):
        KeyFile("li", keys["li"][0], lambda: "wrong")
    for text in ("", "x", public(old), keys["li"][0].decode()):
        if text:
            with pytest.raises(InvalidValue):
                Officer("li", "李", text)
    with pytest.raises(InvalidValue):
        new_key("short")
    assert SECRET not in repr(KeyFile("li", keys["li"][0], lambda: SECRET))


@pytest.mark.parametrize(
    ("written", "typed"), [("Café à la carte", "Cafe\u0301 a\u0300 la carte"), ("Wang-2026！", "Ｗａｎｇ－２０２６!")]
)
def test_one_passphrase_in_any_spelling_opens_an_officers_key(written: str, typed: str) -> None:
    """NIST SP 800-63B 5.1.1.2; a key encrypted elsewhere with what was typed opens too."""
    for first in (written, typed):
        pem_text, _ = new_key(first)
        for words in (written, typed):
            KeyFile("li", pem_text, lambda words=words: words)
        with refused("proof"):
            KeyFile("li", pem_text, lambda: typed + "x")
        made_elsewhere = serialization.BestAvailableEncryption(first.encode())
        key = ec.generate_private_key(ec.SECP256R1())
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        KeyFile("li", key.private_bytes(*form, made_elsewhere), lambda first=first: first)


def test_a_passphrase_of_half_a_character_or_too_few_is_refused_by_name(keys) -> None:
    for call in (lambda: new_key(SECRET + "\udcff"), lambda: KeyFile("li", keys["li"][0], lambda: SECRET + "\udcff")):
        with pytest.raises(InvalidValue, match="half a character") as no:
            call()
        assert SECRET not in str(no.value)
    for short in ("seven 7", "e\u0301" * 7, "Ｅ" * 7, "\ufdfa" * 7):
        with pytest.raises(InvalidValue, match="8 characters"):
            new_key(short)


def test_the_list_of_officers(tmp_path, keys) -> None:
    path = tmp_path / "officers.toml"
    row = f'[[officer]]\nid = "li"\nname = "李审核"\npublic_key = """\n{keys["li"][1]}"""\n'
    path.write_text(row, "utf-8")
    assert [one.name for one in load(path)] == ["李审核"]
    for text in (row + row, "[[officer]]\nid = 1\nname = 2", "officer = 3", "", "[", row + "role = 1\n"):
        path.write_text(text, "utf-8")
        with pytest.raises(InvalidValue):
            load(path)
    with pytest.raises(InvalidValue):
        load(tmp_path / "none.toml")


def test_a_name_never_shows_a_citizen_number() -> None:
    with pytest.raises(ApprovalRefused) as error:
        Officers().of("11010519491231002X")
    assert "19491231" not in str(error.value)
    assert "李" not in repr(Officer("li", "李审核"))


def test_a_key_in_a_token(tmp_path, real_part) -> None:
    library = next((path for path in LIBRARIES if Path(path).is_file()), "")
    real_part("SoftHSM2", bool(library and shutil.which("softhsm2-util")), "apt-get install softhsm2")
    real_part("python-pkcs11", find_spec("pkcs11") is not None, "pip install 'sbcard-core[hsm]'")
    import_ = [sys.executable, "-c", TOKEN_CHILD, library, str(tmp_path)]
    done = subprocess.run(import_, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    approval = Approval.from_json(done.stdout)
    there = Officers([Officer("li", "李", (tmp_path / "public.pem").read_text())])
    assert there.check(approval).id == "li"
    assert approval.act == ACT


@pytest.mark.parametrize(("handles", "signs"), [([7], True), ([7] * 99, True), ([], False), ([7, 8], False)])
def test_a_token_signs_with_the_one_key_of_its_label(handles: list[int], signs: bool) -> None:
    """Some libraries give one object again and again; two keys of one label are nobody's signature."""
    pkcs11 = pytest.importorskip("pkcs11")

    class Key:
        def __init__(self, handle: int) -> None:
            self.handle = handle

        def sign(self, _: bytes, mechanism: object) -> bytes:
            return bytes((self.handle,)) * 64

    class Session:
        def get_objects(self, template: dict[object, object]) -> Iterator[Key]:
            assert template == {
                pkcs11.Attribute.LABEL: "li",
                pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY,
            }
            yield from map(Key, handles)

        def close(self) -> None:
            raise pkcs11.exceptions.DeviceRemoved

    key = TokenKey("li", Session(), "li")
    if signs:
        assert key.approve(ACT).method is Method.SIGNATURE
    else:
        with refused("proof") as no:
            key.approve(ACT)
        assert f"{len(handles)} private keys" in str(no.value)
    with pytest.raises(HolderFailed, match="DeviceRemoved"):
        key.close()


LIBRARIES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
TOKEN_CHILD = """
import os, subprocess, sys
from datetime import date
from pathlib import Path

library, folder = sys.argv[1], Path(sys.argv[2])
(folder / "tokens").mkdir()
config = folder / "softhsm2.conf"
config.write_text(f"directories.tokendir = {folder / 'tokens'}\\nobjectstore.backend = file\\nlog.level = ERROR\\n")
os.environ["SOFTHSM2_CONF"] = str(config)
command = ["softhsm2-util", "--init-token", "--free", "--label", "office", "--so-pin", "12345678", "--pin", "246813"]
subprocess.run(command, check=True, capture_output=True)
import pkcs11
from cryptography.hazmat.primitives import serialization
from pkcs11.util.ec import encode_ec_public_key, encode_named_curve_parameters
from sbcard_core.officers import Act, ApprovalRefused, TokenKey

session = pkcs11.lib(library).get_token(token_label="office").open(rw=True, user_pin="246813")
parameters = session.create_domain_parameters(
    pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}, local=True
)
public, _ = parameters.generate_keypair(store=True, label="li", mechanism_param=None)
der = encode_ec_public_key(public)
form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
(folder / "public.pem").write_bytes(serialization.load_der_public_key(der).public_bytes(*form))
session.close()
act = Act("payout.roll", "pension-2014-07-R001", "0" * 64, date(2014, 8, 1))
for pin, label in (("000000", "li"), ("246813", "wang")):
    opened = None
    try:
        opened = TokenKey.open("li", library, "office", pin, label)
        opened.approve(act)
    except ApprovalRefused as error:
        assert error.code == "proof" and pin not in str(error)
    else:
        raise SystemExit("approved")
    finally:
        if opened is not None:
            opened.close()
key = TokenKey.open("li", library, "office", "246813", "li")
print(key.approve(act).to_json())
key.close()
"""


def test_what_names_a_session_is_not_kept(store: Store, office: Officers, signers) -> None:
    named = f"qian {ACT.subject}".encode()
    asked(store, office, ACT, signers["li"], InSession("qian", named))
    with store.begin() as connection:
        rows = dict(connection.execute(sa.select(schema.approval.c.officer, schema.approval.c.proof)).all())
        counted = proved(connection, office, ACT.kind, ACT.subject, ACT.digest)
    assert (named.hex() in rows["qian"], len(rows["qian"])) == (False, 64)
    assert sorted(one.officer for one in counted) == ["li", "qian"]


def test_an_approval_is_by_whom_it_was_asked_of(store: Store, office: Officers, signers) -> None:
    """A signer that names one officer and hands in another's approval: the drafter's, or the same one twice."""

    class Other:
        def __init__(self, officer: str, real: KeyFile) -> None:
            self.officer, self.real = officer, real

        def approve(self, act: Act) -> Approval:
            return self.real.approve(act)

    with refused("act"):
        asked(store, office, ACT, signers["li"], Other("wang", signers["zhao"]), not_by={"zhao"})
    with refused("act"):
        asked(store, office, ACT, signers["li"], Other("wang", signers["li"]))
    assert stored(store) == []
