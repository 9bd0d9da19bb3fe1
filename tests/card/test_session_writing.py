"""What a session writes: files, secure messages, the issuer's PIN messages; money; and what never shows."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from apdu.errors import CardLost, UnexpectedStatus
from readers.sim.card import VirtualCard
from sbcard_core.card.access import Access
from sbcard_core.card.aio import AsyncCardSession
from sbcard_core.card.errors import (
    AccessDenied,
    CardDiffers,
    InitialPinRefused,
    PinLengthRefused,
    PinWrong,
    PsamMissing,
    RecordMalformed,
    WriteIncomplete,
    driver_code,
)
from sbcard_core.card.loadhost import KeyedLoadHost, LoadAuthorisation, LoadRequest
from sbcard_core.card.profile import Profile
from sbcard_core.card.profiles.v1 import V1
from sbcard_core.card.profiles.v2 import SAMPLE, SAMPLE_ASSUMED, V2
from sbcard_core.card.profiles.v3 import V3
from sbcard_core.crypto.errors import AssumptionNotSet
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.crypto.rules import Df04Command, PurseRules
from sbcard_core.errors import SBCardError
from tests.card.generations import (
    AT,
    KEYS,
    NAME,
    TERMINAL,
    lock,
    make_card,
    make_holder,
    make_psam,
    open_session,
)

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
    calls: list[tuple[Callable[[], object], type[SBCardError]]] = [
        (lambda: session.verify_pin("975310"), PinWrong),
        (lambda: session.change_pin("975310", "864201"), PinWrong),
        (lambda: session.write_file("SSSE/EF06", {"name": NAME * 3}), RecordMalformed),
        (lambda: session.check_card("430100D15600000500000000FFFFFFFF", "X00000027"), CardDiffers),
    ]
    for call, kind in calls:
        with pytest.raises(kind) as caught:
            call()
        error: BaseException | None = caught.value
        while error is not None:
            text = f"{error} {error!r} {error.args} {vars(error)}"
            assert not any(secret in text for secret in ("975310", "864201", NAME, "111111198101"))
            error = error.__cause__ or error.__context__
