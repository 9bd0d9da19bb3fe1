"""Sessions of every generation, by PSAM, key holder and in two steps; any file, writes, PIN messages, counts."""

import asyncio
import random
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from apdu.errors import CardLost, UnexpectedStatus
from readers.sim.card import VirtualCard
from readers.sim.psam import VirtualPSAM
from readers.sim.settings import FileAccess, SimSettings
from sbcard_core.card import values as card_values
from sbcard_core.card.access import Access
from sbcard_core.card.aio import AsyncCardSession
from sbcard_core.card.basic import DRIVER_FIELDS
from sbcard_core.card.errors import (
    AccessDenied,
    AlgorithmNeedsVendor,
    CardDiffers,
    GenerationUnknown,
    HsmDiffers,
    InitialPinRefused,
    InternalAuthFailed,
    PinLengthRefused,
    PinLocked,
    PinWrong,
    ProfileRefused,
    PsamMissing,
    RecordMalformed,
    StepOutOfOrder,
    WriteIncomplete,
    driver_code,
)
from sbcard_core.card.loadhost import KeyedLoadHost, LoadAuthorisation, LoadRequest
from sbcard_core.card.loadprofile import SAMPLE_FILE, load_profile
from sbcard_core.card.personalize import CardRequest, order_lines
from sbcard_core.card.profile import Profile, Reading
from sbcard_core.card.profiles.v1 import V1
from sbcard_core.card.profiles.v2 import SAMPLE, SAMPLE_ASSUMED, V2
from sbcard_core.card.profiles.v3 import V3
from sbcard_core.card.session import CardSession
from sbcard_core.crypto import auth, diversify
from sbcard_core.crypto.errors import AssumptionNotSet, HolderFailed, MalformedHsmText
from sbcard_core.crypto.hsm_strings import BasicStep2, KeyStep2, answer
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.crypto.rules import Df04Command, PurseRules
from sbcard_core.crypto.software_holder import SoftwareKeyHolder

KEYS = MasterKeys.simulation(2012)
TERMINAL = bytes.fromhex("430100000001")
AT = datetime(2014, 7, 31, 10, 20, 30)  # noqa: DTZ001 - terminals keep local time
FACTOR = bytes.fromhex("8660140731000001")
PATH = [diversify.city_factor("430100"), FACTOR]
CARD_USAGES = ("IRK", "RK_SSSE", "UK_SSSE", "DLK", "DPK", "DTK", "RPK", "STK", "RK", "UK")
NAME = "阿卜杜拉·买买提江·古丽巴哈尔"
REQUEST = CardRequest(
    1,
    "X00000019",
    "430100",
    bytes(4),
    FACTOR,
    "111111198101011110",
    NAME,
    "2",
    "05",
    "19810101",
    "20140804",
    "20240804",
)
MORE = {
    "DF01/EF06": {"residence_address": "长沙市岳麓区珅路7号", "residence_area": "430104", "phone": "13800000000"},
    "DF04/EF06": {"tag_90": "1", "tag_92": 123456, "tag_93": "01"},
    "DF03/EF07": {"tag_70": "001", "tag_71": "430104"},
}
PHOTO = bytes(range(256)) * 2 + b"end"


def make_card(profile: Profile = V2, *, keys: MasterKeys = KEYS, algorithm: int = 0, **settings: Any) -> VirtualCard:
    """A card of a generation, with application files and every key, as its factory would make it."""
    line = next(order_lines([REQUEST], keys, keys.get(KeyUsage.TRANSPORT), profile=profile))
    if profile.generation == "1":
        line["files"]["SSSE/EF06"] = [r for r in line["files"]["SSSE/EF06"] if not r.startswith("4E")]
    for path, values in MORE.items():
        if profile.generation != "1":
            line["files"][path] = [record.hex() for record in card_values.encode_file(V2.file(path), values)]
    line["files"]["SSSE/EF08"] = [PHOTO.hex()]
    line["keys"] = {
        name: diversify.derive_path(keys.get(KeyUsage(name)), PATH).material().hex() for name in CARD_USAGES
    }
    made = SimSettings(algorithm=algorithm, **{"access": FileAccess.OPEN, **settings})
    return VirtualCard(line, rng=random.Random(1).randbytes, settings=made)


def make_psam(**settings: Any) -> VirtualPSAM:
    roots = {name: KEYS.get(KeyUsage(name)).material() for name in ("IRK", "RK_SSSE", "UK_SSSE", "DPK")}
    return VirtualPSAM(roots, TERMINAL, rng=random.Random(2).randbytes, settings=SimSettings(**settings))


def make_holder(keys: MasterKeys = KEYS) -> SoftwareKeyHolder:
    return SoftwareKeyHolder(keys, simulator=True, auth_rules=auth.SAMPLE)


def open_session(card: object, *, profile: Profile = SAMPLE, **how: Any) -> CardSession:
    return CardSession(card, profile=profile, rng=random.Random(3).randbytes, **how)  # type: ignore[arg-type]


# --- detection and counts


@pytest.mark.parametrize(("profile", "count"), [(V1, 15), (V2, 16), (V3, 18)], ids=lambda p: getattr(p, "name", None))
@pytest.mark.parametrize("t0", [False, True])
@pytest.mark.parametrize("by", ["psam", "holder"])
def test_an_authenticated_basic_read_takes_the_fewest_commands(profile: Profile, count: int, t0: bool, by: str) -> None:
    """SELECT, one READ RECORD a record, INTERNAL AUTHENTICATE, on 3.00 GET CHALLENGE and EXTERNAL AUTHENTICATE."""
    card = make_card(profile, get_response=t0)
    how = {"psam": make_psam(get_response=t0)} if by == "psam" else {"holder": make_holder()}
    session = open_session(card, **how)
    basic = session.read_authenticated(None)
    assert (basic.name, basic.id_number, basic.sex, basic.version) == (NAME, REQUEST.id_number, "2", profile.version)
    extra = 2 if t0 else 0  # SELECT and INTERNAL AUTHENTICATE fetch their data over T=0
    assert session.apdu_count == count + extra
    print(profile.name, by, "T=0" if t0 else "T=1", "card commands:", session.apdu_count, "PSAM:", session.psam_count)
    records = sum(len(file.records) for file in session.profile.files)
    assert count == 1 + records + 1 + (2 if profile is V3 else 0)
    if by == "psam" and not t0:
        assert session.psam_count == 1 + 2 * (2 if profile is V3 else 1)


def test_the_order_of_calls_costs_nothing() -> None:
    session = open_session(make_card(V3), psam=make_psam())
    session.detect()
    session.internal_authenticate()
    session.external_authenticate()
    session.read_basic()
    session.identification_code()
    assert session.apdu_count == 18


def test_only_what_is_wanted_is_read() -> None:
    session = open_session(make_card())
    part = session.read_basic(("card_no", "name"))
    assert (part.card_no, part.name, part.sex) == ("X00000019", NAME, "")
    assert session.apdu_count == 1 + 3
    with pytest.raises(ProfileRefused):
        session.read_basic(("blood_group",))


def test_a_short_name_saves_its_extension_where_the_profile_says_so() -> None:
    sure = replace(SAMPLE, assumed=replace(SAMPLE_ASSUMED, extension_only_when_full=True))
    long_name = open_session(make_card(), profile=sure)
    assert long_name.read_basic().name == NAME
    card = make_card()
    card._files["SSSE", 0xEF06].records[1:3] = [
        b"\x09\x1e" + "李珅".encode("gb18030").ljust(30, b" "),
        b"\x4e\x14" + bytes(20),
    ]
    short = open_session(card, profile=sure)
    assert short.read_basic().name == "李珅"
    assert (long_name.apdu_count, short.apdu_count) == (15, 14)


def test_the_driver_part_is_the_same_from_session_and_text() -> None:
    basic = open_session(make_card(), psam=make_psam()).read_authenticated()
    assert basic == open_session(make_card()).read_basic().driver_part()
    assert all(getattr(basic, name) for name in DRIVER_FIELDS)
    assert basic.ethnicity == ""


@pytest.mark.parametrize(("profile", "algorithm"), [(V1, 0), (V2, 0), (V3, 2)], ids=lambda p: getattr(p, "name", None))
def test_detection(profile: Profile, algorithm: int) -> None:
    session = open_session(make_card(profile, algorithm=algorithm))
    found = session.detect()
    assert (found.version, found.generation, found.algorithm, found.region) == (
        profile.version, profile.generation, algorithm + 1, "430100",
    )  # fmt: skip
    assert session.apdu_count == 3
    assert len(session.profile.file("SSSE/EF06").records) == len(profile.file("SSSE/EF06").records)
    assert session.profile.assumed == SAMPLE.assumed


def test_a_version_of_no_generation() -> None:
    card = make_card()
    card._files["SSSE", 0xEF05].records[2] = b"\x03\x047.00"
    with pytest.raises(GenerationUnknown):
        open_session(card).detect()
    assert open_session(card).read_basic().version == "7.00"


@pytest.mark.parametrize("algorithm", [1, 4])
def test_an_algorithm_that_only_its_vendor_has(algorithm: int) -> None:
    session = open_session(make_card(algorithm=algorithm), psam=make_psam())
    assert session.read_basic().name == NAME
    with pytest.raises(AlgorithmNeedsVendor, match="not public") as refused:
        session.internal_authenticate()
    assert refused.value.driver_code == -2202


# --- forms of reading


class NoShortIdentifiers:
    """A card that knows records of the selected file only."""

    def __init__(self, card: VirtualCard, sw: str) -> None:
        self.card, self.sw, self.atr = card, bytes.fromhex(sw), card.atr

    def transmit(self, command: bytes) -> bytes:
        return self.sw if command[1] in (0xB2, 0xDC) and command[3] >> 3 else self.card.transmit(command)


@pytest.mark.parametrize("sw", ["6A86", "6B00", "6A82", "6A81"])
def test_a_card_without_short_identifiers_is_served_by_selecting(sw: str) -> None:
    session = open_session(NoShortIdentifiers(make_card(), sw), holder=make_holder())
    assert session.read_basic().name == NAME
    session.write_file("SSSE/EF06", {"sex": "1"})
    assert open_session(session.link.channel).read_basic().sex == "1"


@pytest.mark.parametrize("reading", list(Reading))
@pytest.mark.parametrize("profile", [V1, V2, V3], ids=lambda p: p.name)
def test_every_form_of_reading_gives_the_same(reading: Reading, profile: Profile) -> None:
    session = open_session(make_card(profile), psam=make_psam(), profile=replace(SAMPLE, reading=reading))
    assert session.read_authenticated(None).name == NAME


class WantsLeZero:
    """A card that answers 6700 to an exact length."""

    def __init__(self, card: VirtualCard) -> None:
        self.card, self.atr = card, card.atr

    def transmit(self, command: bytes) -> bytes:
        return b"\x67\x00" if command[1] == 0xB2 and command[-1] else self.card.transmit(command)


def test_a_card_that_wants_le_zero_is_read() -> None:
    assert open_session(WantsLeZero(make_card())).read_basic().name == NAME


def test_another_kind_of_card_by_a_loaded_profile() -> None:
    old = load_profile(SAMPLE_FILE)
    records = {"card_no": "X00000019", "id_number": "111111810101111", "name": "李珅", "insurance_no": "1234567890"}
    line = {
        "atr": "3B6D000000814E43238660010203040506", "version": "", "initial_pin": "000000", "keys": {},
        "files": {"DF01/EF05": [r.hex() for r in card_values.encode_file(old.files[0], records)]},
    }  # fmt: skip
    card = VirtualCard(line, rng=random.Random(1).randbytes)
    session = open_session(card, profile=old)
    basic = session.read_authenticated()
    assert (basic.name, basic.card_no, basic.id_number, basic.region) == ("李珅", "X00000019", "111111810101111", "")
    assert session.read_file("OLD/EF05") == records


# --- any file


def test_any_file_by_name() -> None:
    session = open_session(make_card(), holder=make_holder())
    read = session.read_file("常住地文件")
    assert read == MORE["DF01/EF06"]
    assert session.read_file("DF01EF06", ["phone"]) == {"phone": "13800000000"}
    assert session.read_file("DF04/EF06", authenticate=False) == MORE["DF04/EF06"]
    assert session.read_file("SSSE/EF06")["name"] == NAME  # type: ignore[call-overload]
    for name, wanted in (("DF01/EF06", ["nothing"]), ("DF09/EF06", None)):
        with pytest.raises(ProfileRefused):
            session.read_file(name, wanted)


def test_a_photo_is_read_in_pieces() -> None:
    session = open_session(make_card())
    session.select_environment()
    before = session.apdu_count
    assert session.read_file("照片数据文件") == {"photo": PHOTO.hex().upper()}
    assert session.apdu_count - before == 3


def test_what_no_source_describes_is_refused_until_declared() -> None:
    session = open_session(make_card())
    with pytest.raises(AssumptionNotSet, match="content of DF02/EF05"):
        session.read_file("DF02/EF05")
    with pytest.raises(AssumptionNotSet, match="application identifier of DF07"):
        session.read_file("DF07/EF05")
    with pytest.raises(AssumptionNotSet, match="number in the card of key RK_DF04"):
        open_session(make_card(), holder=make_holder()).read_file("DF04/EF06")
    assert session.apdu_count == 0


def test_a_declared_key_opens_a_file_of_an_application() -> None:
    keys = {**SAMPLE.keys, "RK_DF04": replace(SAMPLE.keys["RK_DF04"], kid=0x2D)}
    profile = replace(SAMPLE, keys=keys)
    how = {"file_rules": {"DF04/EF06": "PIN+2D"}, "more_keys": {0x2D: "RK"}}
    session = open_session(make_card(**how), profile=profile, holder=make_holder())
    with pytest.raises(UnexpectedStatus) as shut:
        session.read_file("DF04/EF06")
    assert driver_code(shut.value) == -27010
    session.verify_pin("123456")
    assert session.read_file("DF04/EF06") == MORE["DF04/EF06"]


def test_a_pin_does_where_pin_or_key_is_asked() -> None:
    session = open_session(make_card(file_rules={"DF01/EF06": "PIN|2E"}))
    with pytest.raises(UnexpectedStatus):
        session.read_file("DF01/EF06")
    session.verify_pin("123456")
    assert session.read_file("DF01/EF06") == MORE["DF01/EF06"]


def test_the_drivers_file_addresses() -> None:
    session = open_session(make_card())
    text = session.read_address("SSSEEF05|07|03|$SSSEEF06|08|0A|$DF01EF06|28|$")
    assert text == "SSSEEF05|X00000019|2.00|$SSSEEF06|111111198101011110|2|$DF01EF06|13800000000|$"
    for wrong in ("SSSEEF05|77|$", "SSSEEF05|zz|$", "SSSEEF99|01|$"):
        with pytest.raises(ProfileRefused):
            session.read_address(wrong)


def test_the_card_the_caller_means() -> None:
    session = open_session(make_card())
    session.check_card("430100d15600000500000000ffffffff", "X00000019")
    with pytest.raises(CardDiffers) as other:
        session.check_card("430100D15600000500000000FFFFFFFF", "X00000027")
    assert other.value.driver_code == -22


# --- writing


@pytest.mark.parametrize("by", ["psam", "holder"])
@pytest.mark.parametrize("profile", [V1, V2, V3], ids=lambda p: p.name)
def test_an_authenticated_write_reads_back(by: str, profile: Profile) -> None:
    how = {"psam": make_psam()} if by == "psam" else {"holder": make_holder()}
    card = make_card(profile)
    session = open_session(card, **how)
    session.detect()
    name = "买" * 15 if profile is V1 else "买" * 20
    written = session.write_file("SSSE/EF06", {"name": name, "sex": "9"})
    assert written == (("name", "sex") if profile is V1 else ("name", "name_extension", "sex"))
    assert session.write_file("SSSE/EF05", {"expires_on": "20300101"}, check=True) == ("expires_on",)
    again = open_session(card, **how)
    basic = again.read_authenticated(None)
    assert (basic.name, basic.sex, basic.expires_on) == (name, "9", "20300101")


def test_what_is_not_written() -> None:
    session = open_session(make_card())
    with pytest.raises(UnexpectedStatus, match="write record 0A") as shut:
        session.write_file("SSSE/EF06", {"sex": "1"})
    assert driver_code(shut.value) == -27010
    for name, values, error in (
        ("SSSE/EF06", {"sex": "12"}, RecordMalformed),
        ("SSSE/EF06", {"shoe_size": "42"}, RecordMalformed),
        ("DF04/EF08", {"txn_no": 1}, AccessDenied),
        ("SSSE/EF08", {"photo": "00"}, AccessDenied),
    ):
        before = session.apdu_count
        with pytest.raises(error):
            session.write_file(name, values)  # type: ignore[arg-type]
        assert session.apdu_count == before


class Stops:
    """A card that fails at the n-th UPDATE RECORD."""

    def __init__(self, card: VirtualCard, at: int, *, lost: bool) -> None:
        self.card, self.left, self.lost, self.atr = card, at, lost, card.atr

    def transmit(self, command: bytes) -> bytes:
        if command[1] == 0xDC:
            self.left -= 1
            if not self.left:
                if self.lost:
                    raise CardLost("pulled out")
                return b"\x65\x81"
        return self.card.transmit(command)


@pytest.mark.parametrize(("lost", "code"), [(False, -0x6581), (True, -42)])
def test_a_write_that_stops_says_what_is_on_the_card(lost: bool, code: int) -> None:
    session = open_session(Stops(make_card(), 3, lost=lost), holder=make_holder())
    with pytest.raises(WriteIncomplete) as stopped:
        session.write_file("SSSE/EF06", {"name": "李珅", "sex": "1"})
    assert stopped.value.written == ("name", "name_extension")
    assert driver_code(stopped.value) == code


def secure_profile() -> Profile:
    file = replace(V2.file("DF01/EF06"), update=Access.SECURE, update_key="")
    return replace(SAMPLE, more_files=(file,))


def test_a_secure_message_where_the_condition_demands_it() -> None:
    card = make_card(secure_files=frozenset({"DF01/EF06"}))
    with pytest.raises(UnexpectedStatus):
        open_session(card, holder=make_holder()).write_file("DF01/EF06", {"phone": "1"}, authenticate=False)
    session = open_session(card, holder=make_holder(), profile=secure_profile())
    session.write_file("DF01/EF06", {"phone": "073180000000", "residence_area": "430105"}, check=True)
    wrong = open_session(card, holder=make_holder(MasterKeys.simulation(1)), profile=secure_profile())
    with pytest.raises(UnexpectedStatus) as refused:
        wrong.write_file("DF01/EF06", {"phone": "1"})
    assert refused.value.sw.value == 0x6988
    with pytest.raises(PsamMissing):
        open_session(card, psam=make_psam(), profile=secure_profile()).write_file("DF01/EF06", {"phone": "1"})


# --- the issuer's PIN messages


def lock(card: VirtualCard) -> None:
    for left in (2, 1, 0):
        with pytest.raises((PinWrong, PinLocked)):
            open_session(card).verify_pin("999999")
        if left:
            assert open_session(card).pin_tries() == left
    assert open_session(card).pin_tries() == 0


def test_a_locked_pin_is_unblocked_and_reloaded_with_the_issuers_keys() -> None:
    card = make_card()
    lock(card)
    session = open_session(card, holder=make_holder())
    session.unblock_pin()
    session.verify_pin("123456")
    lock(card)
    session.reload_pin("135792")
    session.verify_pin("135792")
    for pin, error in (("888888", InitialPinRefused), ("12", PinLengthRefused)):
        with pytest.raises(error):
            session.reload_pin(pin)
    with pytest.raises(UnexpectedStatus, match="external authenticate 06"):
        open_session(card, holder=make_holder(MasterKeys.simulation(1))).unblock_pin()
    with pytest.raises(AssumptionNotSet):
        open_session(card, profile=V2, holder=make_holder()).reload_pin("135792")


# --- two steps


def answered(asked: Any, keys: MasterKeys = KEYS) -> BasicStep2:
    return answer(asked, make_holder(keys))


@pytest.mark.parametrize(("profile", "count"), [(V1, 15), (V2, 16), (V3, 18)], ids=lambda p: getattr(p, "name", None))
def test_a_basic_read_in_two_steps(profile: Profile, count: int) -> None:
    session = open_session(make_card(profile), profile=replace(V2, assumed=replace(V2.assumed)))
    asked = session.begin_basic("430100000001")
    assert asked.region == "430100"
    assert asked.reset_info[-8:] == FACTOR
    assert bool(asked.external_process) is (profile is V3)
    text = asked.format()
    assert text.count("|") == 9
    basic = session.finish_basic(answered(type(asked).parse(text)).format())
    assert (basic.name, basic.card_no) == (NAME, "X00000019")
    assert session.apdu_count == count


def test_two_steps_serve_a_card_of_ssf33() -> None:
    session = open_session(make_card(algorithm=1))
    asked = session.begin_basic()
    assert asked.algorithm == "02"
    assert session.finish_basic(answered(asked)).name == NAME


def test_a_forged_card_in_two_steps() -> None:
    session = open_session(make_card(keys=MasterKeys.simulation(9)))
    asked = session.begin_basic()
    with pytest.raises(HsmDiffers) as forged:
        session.finish_basic(answered(asked))
    assert (forged.value.driver_code, isinstance(forged.value, InternalAuthFailed)) == (-25, True)


def test_nothing_may_touch_the_card_between_the_steps() -> None:
    session = open_session(make_card(V3), profile=V2)
    with pytest.raises(StepOutOfOrder):
        session.finish_basic("")
    asked = session.begin_basic()
    session.read_basic(("issuer",))
    with pytest.raises(StepOutOfOrder, match="touched"):
        session.finish_basic(answered(asked))
    session.begin_key("UK_SSSE")
    with pytest.raises(StepOutOfOrder, match="not begun"):
        session.finish_basic(answered(asked))
    for text, error in (("x", MalformedHsmText), (answered(asked), HolderFailed)):
        session.begin_basic()
        with pytest.raises(error):
            session.finish_basic(text)  # type: ignore[arg-type]


def key_answer(asked: Any, usage: KeyUsage) -> str:
    path = b"".join(PATH)
    return KeyStep2(make_holder().cryptogram_many(usage, path, asked.process, asked.original), asked.original).format()


def test_a_write_in_two_steps() -> None:
    card = make_card()
    session = open_session(card, profile=V2)
    session.select_environment()
    asked = session.begin_key("UK_SSSE")
    assert (asked.address, asked.algorithm) == ("0094", "01")
    session.finish_key(key_answer(asked, KeyUsage.UK_SSSE))
    session.write_file("SSSE/EF06", {"sex": "9"}, authenticate=False)
    assert open_session(card).read_basic().sex == "9"
    first = session.begin_key("UK_SSSE")
    session.begin_key("UK_SSSE")
    with pytest.raises(HolderFailed):
        session.finish_key(key_answer(first, KeyUsage.UK_SSSE))
    with pytest.raises(AssumptionNotSet):
        session.begin_key("RK_DF02")


@pytest.mark.parametrize("new", ["135792", ""])
def test_pin_messages_in_three_steps(new: str) -> None:
    card = make_card()
    lock(card)
    session = open_session(card, profile=V2)
    asked = session.begin_pin_message(new)
    assert asked.address == "0090"
    step = session.continue_pin_message(key_answer(asked, KeyUsage.RPK))
    assert (step.address, step.header) == ("0173", "8424000114" if new else "8424000004")
    assert new not in repr(step) or not new
    holder, path = make_holder(), b"".join(PATH)
    body = b""
    if new:
        plain = (b"\x03" + bytes.fromhex(new) + b"\x80").ljust(16, b"\x00")
        body = holder.encrypt_many(KeyUsage.RPK, path, [plain])[0]
    message = bytes.fromhex(step.header) + body
    mac = bytes(holder.mac_many(KeyUsage.RPK, path, [message], iv=step.process)[0])
    session.finish_pin_message((body + mac).hex())
    session.verify_pin(new or "123456")
    with pytest.raises(StepOutOfOrder):
        session.finish_pin_message(body + mac)


# --- money through the session


def test_purse_and_log_through_the_session() -> None:
    session = open_session(make_card(), psam=make_psam())
    session.change_pin("123456", "246810")
    session.verify_pin("246810")
    purse = session.purse()
    before = session.apdu_count
    purse.load(5000, TERMINAL, AT, KeyedLoadHost(KEYS))
    purse.purchase(1200, TERMINAL, make_psam(), AT)
    assert session.apdu_count > before
    assert (purse.balance(), purse.read_balance()) == (3800, 3800)
    rows = purse.log()
    assert rows is not None
    assert [(row["type"], row["txn_no"], row["amount_1"]) for row in rows] == [("6", 0, 1200), ("2", 0, 5000)]
    assert session.read_file("DF04/EF08") == rows


class Recorder:
    """Answers each command from a list and keeps what was sent."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.sent = [bytes.fromhex(one) for one in answers], []  # type: ignore[var-annotated]
        self.atr = bytes.fromhex("3B6D0000009000000086600102030405 06")

    def transmit(self, command: bytes) -> bytes:
        self.sent.append(command.hex().upper())
        return self.answers.pop(0)


class YesHost:
    def authorise_load(self, request: LoadRequest) -> LoadAuthorisation:
        assert request.type == ord("1")
        return LoadAuthorisation(bytes.fromhex("AABBCCDD"), request.at)


def test_the_unknown_instructions_of_df04_are_refused_until_a_profile_supplies_them() -> None:
    silent = Recorder()
    account = open_session(silent).account()
    for call in (
        lambda: account.load(1, TERMINAL, AT, YesHost()),
        lambda: account.initialize_debit(1, TERMINAL),
        lambda: account.debit(bytes(4), AT, bytes(4)),
        lambda: account.proof(1, 1),
    ):
        with pytest.raises(AssumptionNotSet, match="instruction byte of DF04"):
            call()
    assert silent.sent == []
    codes = {Df04Command.CREDIT_FOR_LOAD: 0x2A, Df04Command.INITIALIZE_FOR_DEBIT: 0x34, Df04Command.DEBIT: 0x36,
             Df04Command.GET_PROOF: 0x3A}  # fmt: skip
    named = replace(SAMPLE, assumed=replace(SAMPLE_ASSUMED, purse=PurseRules(df04_instructions=codes)))
    card = Recorder(
        "9000", "0110430100D15600000500000001FFFFFFFF9000", "9000", "00000064000101001122334455667788" + "9000",
        "010203049000", "00000064000100000001001122334490 00", "01020304050607089000", "11223344556677889000",
        "000000649000",
    )  # fmt: skip
    account = open_session(card, profile=named).account()
    assert account.load(50, TERMINAL, AT, YesHost()).balance_fen == 150
    assert account.initialize_debit(20, TERMINAL).offline_no == 1
    assert account.debit(bytes(4), AT, bytes(4)).tac.hex() == "01020304"
    assert account.proof(5, 1).tac.hex() == "55667788"
    assert account.balance().amount_fen == 100
    money = [sent for sent in card.sent if sent.startswith("B0")]
    assert [sent[:10] for sent in money] == [
        "B02800010B",
        "B02A00000B",
        "B03401010B",
        "B03601000F",
        "B03A000502",
        "B026000104",
    ]
    assert money[1] == "B02A00000B" + "20140731102030" + "AABBCCDD" + "04"


# --- asyncio, and what never shows


def test_the_same_session_for_asyncio() -> None:
    async def visit() -> tuple[str, list[str]]:
        async with AsyncCardSession(open_session(make_card(V3), psam=make_psam())) as session:
            found = await session.detect()
            basic = await session.read_authenticated()
            await session.verify_pin("123456")
            await session.change_pin("123456", "246810")
            with pytest.raises(PinWrong):
                await session.verify_pin("123456")
            await session.write_file("SSSE/EF06", {"sex": "9"}, check=True)
            values = await session.read_file("SSSE/EF06", ["sex"])
            assert (await session.read_basic(("sex",))).sex == "9"
            assert isinstance(values, dict)
            return basic.name, [found.version, str(values["sex"])]

    assert asyncio.run(visit()) == (NAME, ["3.00", "9"])


def test_no_pin_and_no_person_in_any_error() -> None:
    session = open_session(make_card(), holder=make_holder())
    texts = []
    for call in (
        lambda: session.verify_pin("975310"),
        lambda: session.change_pin("975310", "864201"),
        lambda: session.write_file("SSSE/EF06", {"name": NAME * 3}),
        lambda: session.check_card("430100D15600000500000000FFFFFFFF", "X00000027"),
    ):
        with pytest.raises(Exception) as caught:  # noqa: PT011
            call()
        texts.append(str(caught.value) + repr(caught.value))
    assert not any(secret in text for text in texts for secret in ("975310", "864201", NAME, "111111198101"))
