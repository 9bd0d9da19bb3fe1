"""The whole card: every file of the public table in every generation, and who may open it."""

import random
from typing import Any

import pytest

from readers.sim import FileAccess, SimSettings, Sm4Rules, VirtualCard, VirtualPSAM, cipher
from sbcard_core.card.profile import Profile
from sbcard_core.card.profiles.v1 import V1
from sbcard_core.card.profiles.v2 import SAMPLE, SAMPLE_ASSUMED, V2
from sbcard_core.card.session import CardSession
from sbcard_core.crypto import auth
from sbcard_core.crypto.diversify import city_factor, derive_path
from sbcard_core.crypto.keys import Algorithm, KeyUsage, SecretKey

SSSE = "7378312E73682EC9E7BBE1B1A3D5CF"
AIDS = {"SSSE": SSSE, **{f"DF0{n}": f"D1560000050{n - 1}" for n in range(1, 6)}}
FACTOR = bytes.fromhex("8660140700000001")
OPEN = SimSettings(access=FileAccess.OPEN)


def make(version: str = "2.00", settings: SimSettings | None = None, **more: Any) -> VirtualCard:
    order = {"atr": "3B6D0000" + "0081430000" + FACTOR.hex(), "version": version, "initial_pin": "123456", "keys": {}}
    order["files"] = {"SSSE/EF05": ["0304" + version.encode().hex()]}
    return VirtualCard({**order, **more}, rng=random.Random(1).randbytes, settings=settings or SimSettings())


def send(card: VirtualCard, command: str) -> str:
    return card.transmit(bytes.fromhex(command)).hex().upper()


def enter(card: VirtualCard, directory: str) -> str:
    if directory not in AIDS:
        return send(card, "00A4000002" + directory)[-4:]
    aid = AIDS[directory]
    return send(card, f"00A40400{len(aid) // 2:02X}{aid}")[-4:]


@pytest.mark.parametrize("profile", [V1, V2], ids=lambda profile: profile.name)
def test_the_hosts_declarations_fit_the_card(profile: Profile) -> None:
    """Two tables written apart, one by the host and one by the card: each record is there, as long as declared."""
    card = make(profile.version, OPEN)
    records = 0
    for file in profile.all_files():
        if file.directory.startswith("PKI") or file.path == "SSSE/EF05":
            continue
        assert enter(card, file.directory) == "9000"
        there = send(card, f"00A4000002{file.fid:04X}")
        if file.path == "SSSE/EF0C":  # one sample only, its content unknown
            continue
        assert there == "9000", file.path
        for number, record in enumerate(file.records if file.structure.value == "records" else (), 1):
            answer = send(card, f"00B2{number:02X}0400")
            assert answer == send(card, f"00B2{record.tag:02X}0000")
            wire = bytes.fromhex(answer)
            assert answer.endswith("9000"), (file.path, record.name)
            assert (wire[0], wire[1], len(wire) - 4) == (record.tag, record.length, record.length)
            records += 1
    assert records > 40


def test_generations_differ() -> None:
    for version, present in (("1.00", "6A82"), ("2.00", "9000"), ("3.00", "9000")):
        card = make(version)
        enter(card, "SSSE")
        assert send(card, "00A4000002EF08") == present  # the photo came with 2.0
    first = make("1.00")
    enter(first, "SSSE")
    assert send(first, "00B2033403")[:2] == "0A"
    assert send(first, "00B24E3016") == "6A83"


def test_only_the_orders_files_where_wanted() -> None:
    card = make(settings=SimSettings(whole_tree=False))
    assert enter(card, "SSSE") == "9000"
    assert send(card, "00B2012C06") == "0304322E30309000"
    assert send(card, "00A4000002EF06") == "6A82"


@pytest.mark.parametrize(
    ("directory", "command", "shut", "with_pin"),
    [
        ("SSSE", "00B2082C00", "6A83", "6A83"),
        ("SSSE", "00B2083014", "9000", "9000"),
        ("SSSE", "00B0870010", "6982", "6982"),  # fingerprint: key only
        ("SSSE", "00B0880010", "6982", "6982"),  # photo
        ("DF01", "00B2202804", "6982", "9000"),
        ("DF01", "00B0960000", "9000", "9000"),  # EF16: free
        ("DF03", "00B2703805", "6982", "9000"),
        ("DF04", "00B281280A", "6982", "9000"),
        ("DF04", "00B2903003", "6982", "6982"),  # PIN and key
        ("DF04", "00B2014400", "6982", "6A83"),  # the log, empty
        ("DF07", "00B2F02804", "6982", "6982"),  # key only
    ],
)
def test_who_may_read(directory: str, command: str, shut: str, with_pin: str) -> None:
    card = make()
    where = directory if directory in AIDS else "DF07"
    enter(card, where)
    assert send(card, command)[-4:] == shut
    assert send(card, "0020000003123456") == "9000"
    assert send(card, command)[-4:] == with_pin
    assert send(make(settings=OPEN), "00A4040006D15600000500")[-4:] == "9000"


def external(card: VirtualCard, kid: int, key: bytes) -> str:
    challenge = card.transmit(bytes.fromhex("0084000008"))[:-2]
    text = cipher.cryptogram(SimSettings().process_key_rule, cipher.encryptor(key), challenge, bytes(8))
    return card.transmit(bytes((0x00, 0x82, 0x00, kid, 16)) + text + bytes(8)).hex()


def test_keys_somebody_numbers_open_what_only_keys_open() -> None:
    rk = bytes(range(16))
    settings = SimSettings(file_keys={"DF04/EF06": 0x2D, "DF07": 0x3D}, more_keys={0x2D: "RK", 0x3D: "RK"})
    card = make(settings=settings, keys={"RK": rk.hex()})
    enter(card, "DF04")
    send(card, "0020000003123456")
    assert send(card, "00B2903003") == "6982"
    assert external(card, 0x2D, rk) == "9000"
    assert send(card, "00B2903003") == "9001009000"
    enter(card, "DF07")
    assert send(card, "00B2F02804") == "6982"
    assert external(card, 0x3D, rk) == "9000"
    assert send(card, "00B2F02804") == "F00200009000"


def test_writing_wants_the_files_own_key() -> None:
    """86 opens DF01/EF06, 04 does not; where no source has a number nobody writes."""
    uk = bytes(range(16))
    card = make(settings=SimSettings(more_keys={0x86: "UK"}), keys={"UK": uk.hex(), "UK_SSSE": uk.hex()})
    enter(card, "DF01")
    write = "00DC2430052403430102"
    assert external(card, 0x04, uk) == "9000"
    assert send(card, write) == "6982"
    assert external(card, 0x86, uk) == "9000"
    assert send(card, write) == "9000"
    assert send(card, "00DC29380329" + "0131") == "6982"
    send(card, "0020000003123456")
    assert send(card, "00B2243005") == "24034301029000"


def test_an_issuers_own_rule_goes_before() -> None:
    """One 3.x application verifies the PIN before EF06 instead of a key."""
    card = make("3.00", SimSettings(file_rules={"SSSE/EF06": "PIN|0A"}))
    enter(card, "SSSE")
    assert send(card, "00B2083014") == "6982"
    send(card, "0020000003123456")
    assert send(card, "00B2083014")[-4:] == "9000"


def test_df07_by_an_identifier_somebody_knows() -> None:
    assert send(make(), "00A4040006D15600000506") == "6A82"
    card = make(settings=SimSettings(more_aids={bytes.fromhex("D15600000506"): "DF07"}))
    assert send(card, "00A4040006D15600000506")[-4:] == "9000"
    assert send(card, "00A4000002EF06") == "9000"


# --- SM4


def test_sm4_says_nothing_without_a_rule() -> None:
    card = make("3.00", SimSettings(algorithm=2), keys={"IRK": "00" * 16, "DLK": "00" * 16, "DTK": "00" * 16})
    assert send(card, "0088000010" + "00" * 16) == "6A81"
    send(card, "0020000003123456")
    send(card, "00A4040006D15600000503")
    assert send(card, "805000020B" + "01" + "00" * 10) == "6A81"
    psam = VirtualPSAM({"IRK": bytes(16)}, bytes(6), rng=bytes, settings=SimSettings(algorithm=2))
    psam.transmit(bytes.fromhex("00A4040006D15600000590"))
    psam.transmit(bytes.fromhex("BFDE480118") + bytes(24))
    assert psam.transmit(bytes.fromhex("80FA000008") + bytes(8)).hex() == "6a81"


def test_an_sm4_card_proves_itself_to_a_psam_and_to_the_hosts_own_arithmetic() -> None:
    """Candidate rule on all sides, written twice."""
    root = SecretKey(bytes(range(16)), KeyUsage.IRK, Algorithm.SM4)
    key = derive_path(root, [city_factor("430100"), FACTOR])
    settings = SimSettings(algorithm=2, sm4=Sm4Rules(cryptogram=cipher.sm4_xor_halves))
    code = ["0110430100D15600000500000001FFFFFFFF", "020133", "0304332E3030"]
    card = make("3.00", settings, keys={"IRK": key.material().hex()}, files={"SSSE/EF05": code})
    process, original = bytes(range(8)), bytes(range(8, 16))
    rules = auth.AuthRules(auth.ProcessKeyRule.DIVERSIFY_16, auth.Sm4Reduction.XOR_HALVES)
    expected = auth.cryptogram(key, process, original, rules=rules)
    assert card.transmit(bytes.fromhex("0088000010") + process + original) == expected + b"\x90\x00"
    psam = VirtualPSAM({"IRK": root.material()}, bytes(6), rng=bytes, settings=settings)
    CardSession(card, psam, profile=SAMPLE).internal_authenticate()
    assert SAMPLE.assumed is SAMPLE_ASSUMED


def test_a_purse_under_sm4_rules() -> None:
    """Load and its refusal: the codes are the candidates', computed here once more."""
    rules = Sm4Rules(session=cipher.sm4_session, mac=cipher.sm4_code, tac=cipher.sm4_code)
    keys = {"DLK": "01" * 16, "DTK": "02" * 16}
    card = make("3.00", SimSettings(algorithm=2, sm4=rules), keys=keys)
    send(card, "0020000003123456")
    send(card, "00A4040006D15600000503")
    opened = card.transmit(bytes.fromhex("805000020B" + "01" + "00000064" + "430100000001"))[:-2]
    assert opened[7] == 2  # SM4
    session = cipher.sm4_session(b"\x01" * 16, opened[8:12] + opened[4:6] + b"\x80\x00")
    assert opened[12:] == cipher.sm4_code(session, bytes(4) + bytes.fromhex("00000064" + "02" + "430100000001"))
    message = bytes.fromhex("00000064" + "02" + "430100000001" + "20140731093015")
    done = card.transmit(bytes.fromhex("805200000B20140731093015") + cipher.sm4_code(session, message))
    tac = cipher.sm4_code(b"\x02" * 16, bytes.fromhex("00000064" + "0000") + message)
    assert done == tac + b"\x90\x00"
    assert card.purse.balance() == 100


# --- certificates and the medical account


def pki_card() -> VirtualCard:
    pki = {"user_pin": "123456", "admin_pin": "888888", "key": "22" * 16, "master_key": "11" * 16}
    card = make("3.00", pki=pki)
    send(card, "00A404000C504B492EC9E7BBE1B1A3D5CF")
    assert send(card, "00A404000C53532E434552542E41444631")[-4:] == "9000"
    return card


def challenge16(card: VirtualCard) -> bytes:
    return card.transmit(bytes.fromhex("0084000010"))[:-2]


def verify(card: VirtualCard, which: int, pin: str) -> str:
    text = cipher.sm4(cipher.sm3(bytes.fromhex(pin))[:16])(challenge16(card))
    return card.transmit(bytes((0x00, 0x20, 0x01, which, 16)) + text).hex().upper()


def test_the_certificate_applications_pins_count_apart() -> None:
    card = pki_card()
    assert [verify(card, 0x81, "000000") for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    assert verify(card, 0x00, "888888") == "9000"
    assert send(card, "0020018110" + "00" * 16) == "6984"
    assert send(make(), "00A404000C504B492EC9E7BBE1B1A3D5CF") == "6A82"


def test_a_new_pin_and_a_new_master_key() -> None:
    card, ctk, master = pki_card(), b"\x22" * 16, b"\x11" * 16

    def sealed(head: str, body: bytes, key: bytes) -> str:
        header = bytes.fromhex(head)
        start = challenge16(card)
        return send(card, (header + body + cipher.sm4_mac(key, start, header + body)).hex())

    block = cipher.sm4(ctk)(bytes.fromhex("03654321").ljust(16, b"\x80")[:4] + b"\x80" + bytes(11))
    assert sealed("845E010014", block, b"\x33" * 16) == "6988"
    assert sealed("845E010014", block, ctk) == "9000"
    assert (verify(card, 0x81, "123456"), verify(card, 0x81, "654321")) == ("63C2", "9000")
    new = cipher.sm4(master)(cipher.pad(bytes.fromhex("13000000") + b"\x44" * 16, 16))
    assert sealed("84D4010024", new, master) == "6982"
    assert send(card, "0082000010" + cipher.sm4(master)(challenge16(card)).hex()) == "9000"
    assert sealed("84D4010024", new, master) == "9000"
    assert send(card, "0082000010" + cipher.sm4(b"\x44" * 16)(challenge16(card)).hex()) == "9000"


def test_df04s_other_commands_need_somebodys_instruction_bytes() -> None:
    keys = {"DLK": "01" * 16, "DTK": "02" * 16}
    named = {"credit-for-load": 0x2A, "initialize-for-debit": 0x2C, "debit": 0x2E, "get-proof": 0x30}
    for instructions, answer in (({}, "6D00"), (named, "9302")):
        card = make(settings=SimSettings(account_instructions=instructions), keys=keys)
        send(card, "0020000003123456")
        send(card, "00A4040006D15600000503")
        assert len(send(card, "B02800010B" + "01" + "00000064" + "430100000001")) == 36
        assert send(card, "B02A00000B" + "20140731093015" + "00000000") == answer
        assert card.account.balance == 0
