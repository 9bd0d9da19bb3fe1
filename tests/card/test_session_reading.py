"""Sessions of every generation by PSAM and by key holder: what is detected and read, and with how many commands."""

import random
from dataclasses import replace

import pytest

from apdu.errors import UnexpectedStatus
from readers.sim.card import VirtualCard
from sbcard_core.card import values as card_values
from sbcard_core.card.basic import DRIVER_FIELDS
from sbcard_core.card.errors import (
    AlgorithmNeedsVendor,
    CardDiffers,
    GenerationUnknown,
    ProfileRefused,
    driver_code,
)
from sbcard_core.card.loadprofile import SAMPLE_FILE, load_profile
from sbcard_core.card.profile import Profile, Reading
from sbcard_core.card.profiles.v1 import V1
from sbcard_core.card.profiles.v2 import SAMPLE, SAMPLE_ASSUMED, V2
from sbcard_core.card.profiles.v3 import V3
from sbcard_core.crypto.errors import AssumptionNotSet
from tests.card.generations import (
    MORE,
    NAME,
    PHOTO,
    REQUEST,
    make_card,
    make_holder,
    make_psam,
    open_session,
)

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


class WithoutLe:
    """A card that takes Le behind the data of a SELECT for a wrong length."""

    def __init__(self, card: VirtualCard) -> None:
        self.card, self.atr, self.refused = card, card.atr, 0

    def transmit(self, command: bytes) -> bytes:
        if command[1] == 0xA4 and len(command) == 6 + command[4]:
            self.refused += 1
            return b"\x67\x00"
        return bytes(self.card.transmit(command))


def test_a_card_that_wants_select_without_le_gets_it_so() -> None:
    channel = WithoutLe(make_card())
    session = open_session(channel, holder=make_holder())
    assert (session.read_basic().name, session.algorithm_id, channel.refused) == (NAME, 1, 1)
    session.select("DF01")
    assert channel.refused == 2


@pytest.mark.parametrize("sw", ["6986", "6A86", "6B00", "6A82", "6A81"])
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
