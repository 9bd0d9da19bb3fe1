"""Sessions in two steps, with the keys in a security module that answers in text."""

from dataclasses import replace
from typing import Any

import pytest

from apdu.errors import UnexpectedStatus
from sbcard_core.card.errors import (
    HsmDiffers,
    InitialPinRefused,
    InternalAuthFailed,
    PinLengthRefused,
    StepOutOfOrder,
)
from sbcard_core.card.profile import Profile
from sbcard_core.card.profiles.v1 import V1
from sbcard_core.card.profiles.v2 import V2
from sbcard_core.card.profiles.v3 import V3
from sbcard_core.card.session import CardSession
from sbcard_core.crypto.errors import AssumptionNotSet, HolderFailed, MalformedHsmText
from sbcard_core.crypto.hsm_strings import BasicStep2, KeyStep2, answer
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.errors import InvalidValue
from tests.card.generations import FACTOR, KEYS, NAME, PATH, lock, make_card, make_holder, open_session


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


@pytest.mark.parametrize(
    ("pin", "error"), [("123456", InitialPinRefused), ("888888", InitialPinRefused), ("123", PinLengthRefused)]
)
def test_a_pin_that_may_not_be_chosen_is_refused_before_anything_is_sent(pin: str, error: type[Exception]) -> None:
    session = open_session(make_card(), profile=V2)
    with pytest.raises(error) as refused:
        session.begin_pin_message(pin)
    assert (session.apdu_count, refused.value.step) == (0, "reload PIN")  # type: ignore[attr-defined]


@pytest.mark.parametrize(("new", "size", "step"), [("135792", 20, "reload PIN"), ("", 4, "unblock PIN")])
def test_a_message_of_another_length_is_not_sent_and_a_refused_one_is_named(new: str, size: int, step: str) -> None:
    """And each of them ends its three steps: the next message begins anew."""
    for body in (bytes(size - 1), bytes(size + 1), "zz", "00" * (size + 1), b""):
        session = open_session(make_card(), profile=V2)
        session.continue_pin_message(key_answer(session.begin_pin_message(new), KeyUsage.RPK))
        count = session.apdu_count
        with pytest.raises(HolderFailed, match=f"instead of {size}"):
            session.finish_pin_message(body)
        assert session.apdu_count == count
        with pytest.raises(StepOutOfOrder, match="not begun"):
            session.finish_pin_message(bytes(size))
    session.continue_pin_message(key_answer(session.begin_pin_message(new), KeyUsage.RPK))
    with pytest.raises(UnexpectedStatus) as wrong:
        session.finish_pin_message(bytes(size))
    assert (wrong.value.sw.value, wrong.value.step) == (0x6988, step)


def test_a_reloaded_pin_has_to_be_verified_again() -> None:
    session = open_session(make_card(), profile=V2)
    session.verify_pin("123456")
    session.continue_pin_message(key_answer(session.begin_pin_message(), KeyUsage.RPK))
    assert session._pin_verified
    step = session._waiting.asked  # type: ignore[union-attr]
    mac = make_holder().mac_many(
        KeyUsage.RPK,
        b"".join(PATH),
        [bytes.fromhex(step.header)],
        iv=step.process,  # type: ignore[attr-defined]
    )[0]
    session.finish_pin_message(bytes(mac))
    assert not session._pin_verified


def test_an_answer_of_a_key_to_another_question_is_not_sent() -> None:
    session = open_session(make_card(), profile=V2)
    session.select_environment()
    asked = session.begin_key("UK_SSSE")
    count = session.apdu_count
    got = KeyStep2.parse(key_answer(asked, KeyUsage.UK_SSSE))
    with pytest.raises(HolderFailed, match="another question"):
        session.finish_key(replace(got, original=bytes(8)))
    assert session.apdu_count == count
    with pytest.raises(StepOutOfOrder):
        session.finish_key(got)


def test_without_an_atr_no_two_steps() -> None:
    session = CardSession(Mute(make_card()), profile=V2)
    with pytest.raises(InvalidValue, match="ATR"):
        session.begin_basic()


class Mute:
    """A channel that does not know its card's answer to reset."""

    def __init__(self, card: Any) -> None:
        self.transmit = card.transmit


def test_a_key_is_asked_for_where_the_session_stands_and_a_pin_message_in_the_environment() -> None:
    """``begin_key`` selects the directory anew, as a challenge counts only there; nothing else is asked after it."""
    session = open_session(make_card(), profile=V2)
    for begin, place in (
        (lambda: session.begin_key("UK_SSSE"), "DF01"),
        (session.begin_pin_message, session.profile.environment),
    ):
        session.select("DF01")
        begin()
        assert session._where == place
        count = session.apdu_count
        assert (session.identification_code()[:6], session.apdu_count) == ("430100", count)
    fresh = open_session(make_card(), profile=V2)
    fresh.begin_key("UK_SSSE")
    assert fresh._where == fresh.profile.environment


def test_a_key_without_its_number_in_the_card_is_refused_before_anything_is_sent() -> None:
    keys = {**V2.keys, "UK_SSSE": replace(V2.keys["UK_SSSE"], kid=None)}
    session = open_session(make_card(), profile=replace(V2, keys=keys))
    with pytest.raises(AssumptionNotSet, match="number in the card"):
        session.begin_key("UK_SSSE")
    assert session.apdu_count == 0


def test_a_key_opened_in_two_steps_is_open_for_what_needs_it() -> None:
    card = make_card()
    session = open_session(card, profile=V2)
    session.select_environment()
    session.finish_key(key_answer(session.begin_key("UK_SSSE"), KeyUsage.UK_SSSE))
    assert "UK_SSSE" in session._opened
    session.write_file("SSSE/EF06", {"sex": "9"})
    assert open_session(card).read_basic().sex == "9"


def test_a_card_without_a_key_before_its_holders_file_is_asked_for_no_challenge() -> None:
    for profile, external in ((V1, 0), (V2, 0), (V3, 8)):
        asked = open_session(make_card(profile), profile=V2).begin_basic()
        assert (len(asked.external_process), len(asked.external_original)) == (external, external)
        assert (len(asked.internal_process), len(asked.internal_original)) == (8, 8)
