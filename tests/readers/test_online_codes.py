"""Codes of the bank and accounts of the card at online terminals: nothing is called refused that may have been done."""

from collections.abc import Callable
from typing import Any

import pytest

from apdu import tlv
from apdu.errors import MalformedData
from readers.atm import read_account_no
from readers.errors import HostRefused
from readers.online import (
    MAX_TRACE,
    UNASKED_CODES,
    BankReply,
    BankRequest,
    HostLost,
    Kind,
    State,
)
from readers.sim.card import VirtualCard
from sbcard_core.card.profiles.v2 import SAMPLE
from sbcard_core.card.session import CardSession
from sbcard_core.errors import InvalidValue
from tests.readers.shop import ACCOUNT, AT, OTHER, Shop


class Link:
    """A bank that gives one answer to each kind of question."""

    def __init__(self, send: str, *, reverse: str = "00", ask: str = "00", amount_fen: int | None = None) -> None:
        self.codes = {"send": send, "reverse": reverse, "ask": ask}
        self.amount_fen = amount_fen
        self.asked: list[str] = []
        self.taken_back: list[int] = []

    def _reply(self, what: str) -> BankReply:
        self.asked.append(what)
        return BankReply(self.codes[what], amount_fen=self.amount_fen)

    def send(self, _: BankRequest) -> BankReply:
        return self._reply("send")

    def reverse(self, _: BankRequest, amount_fen: int) -> BankReply:
        self.taken_back.append(amount_fen)
        return self._reply("reverse")

    def ask(self, _: BankRequest) -> BankReply:
        return self._reply("ask")


class TestCodesOfTheBank:
    @pytest.mark.parametrize("code", ["09", "10", "68", "98", "", "0", "000", "a0", "5 "])
    def test_what_the_bank_does_not_know_is_taken_back_and_never_called_refused(self, shop: Shop, code: str) -> None:
        link: Any = Link(code)
        shop.bank = link
        entry = shop.atm().withdraw(10_000, AT)
        assert (entry.state, link.asked, shop.dispenser.given_fen) == (State.REVERSED, ["send", "reverse"], 0)

    @pytest.mark.parametrize("code", ["11", "16", "A2", "A4", "A5", "A6"])
    def test_every_code_after_which_the_account_is_booked_gives_the_cash(self, shop: Shop, code: str) -> None:
        link: Any = Link(code)
        shop.bank = link
        assert (shop.atm().withdraw(10_000, AT).done_fen, shop.dispenser.given_fen) == (10_000, 10_000)
        assert shop.phone().transfer(100, OTHER, AT).done_fen == 100

    @pytest.mark.parametrize("code", ["05", "51", "91", "96", "A0", "99"])
    def test_any_other_code_is_a_refusal(self, shop: Shop, code: str) -> None:
        link: Any = Link(code)
        shop.bank = link
        with pytest.raises(HostRefused):
            shop.atm().withdraw(10_000, AT)
        with pytest.raises(HostRefused):
            shop.phone().transfer(100, OTHER, AT)
        assert [entry.state for entry in shop.journal.entries()] == [State.REFUSED] * 2
        assert (link.asked, shop.dispenser.given_fen) == (["send", "send"], 0)

    @pytest.mark.parametrize("code", ["09", "10", "68", "98"])
    def test_a_transfer_that_the_bank_does_not_know_stays_open_until_it_does(self, shop: Shop, code: str) -> None:
        link: Any = Link(code, ask=code)
        shop.bank = link
        assert shop.phone().transfer(100, OTHER, AT).state is State.STARTED
        assert [entry.state for entry in shop.phone().close_open()] == [State.STARTED]
        link.codes["ask"] = "00"
        assert [entry.done_fen for entry in shop.phone().close_open()] == [100]
        assert link.asked.count("send") == 1

    @pytest.mark.parametrize("code", ["09", "68", "98", ""])
    def test_a_change_of_pin_that_the_bank_does_not_know_is_not_called_refused(self, shop: Shop, code: str) -> None:
        """Old or new PIN may hold; the same of a balance."""
        link: Any = Link(code)
        shop.bank = link
        for ask in (shop.atm().change_bank_pin, shop.atm().balance):
            with pytest.raises(HostLost):
                ask(AT)
        assert not any(entry.is_open for entry in shop.journal.entries())

    @pytest.mark.parametrize("code", sorted(UNASKED_CODES))
    def test_a_question_that_failed_itself_ends_no_transfer(self, shop: Shop, code: str) -> None:
        link: Any = Link("98", ask=code)
        shop.bank = link
        assert shop.phone().transfer(100, OTHER, AT).state is State.STARTED
        link.codes["ask"] = "51"
        assert [entry.state for entry in shop.phone().close_open()] == [State.REFUSED]

    def test_a_part_that_the_bank_approved_is_booked_as_that_part(self, shop: Shop) -> None:
        """部分承兑: a transfer is done by it, whether it was answered or asked for; cash is not given out in part."""
        link: Any = Link("10", amount_fen=60)
        shop.bank = link
        sent = shop.phone().transfer(100, OTHER, AT)
        link.codes = {"send": "98", "ask": "10"}
        asked = shop.phone().transfer(100, OTHER, AT)
        assert [(one.state, one.done_fen) for one in (sent, asked)] == [(State.DONE, 60)] * 2
        link.codes, link.amount_fen = {"send": "10", "reverse": "00"}, 6_000
        taken = shop.atm().withdraw(10_000, AT)
        assert (taken.state, taken.done_fen, link.taken_back) == (State.REVERSED, 0, [6_000])
        assert shop.dispenser.given_fen == 0

    @pytest.mark.parametrize(("code", "fen"), [("10", None), ("10", 10_001), ("10", -1), ("00", 9_999), ("11", 0)])
    def test_an_approval_of_another_amount_is_no_answer(self, shop: Shop, code: str, fen: int | None) -> None:
        link: Any = Link(code, amount_fen=fen, ask=code)
        shop.bank = link
        entry = shop.atm().withdraw(10_000, AT)
        assert (entry.state, link.taken_back, shop.dispenser.given_fen) == (State.REVERSED, [10_000], 0)
        assert shop.phone().transfer(10_000, OTHER, AT).state is State.STARTED

    @pytest.mark.parametrize(("code", "ends"), [("12", True), ("25", True), ("00", True), ("96", False), ("51", False)])
    def test_a_reversal_ends_where_nothing_is_left_to_reverse(self, shop: Shop, code: str, ends: bool) -> None:
        link: Any = Link("98", reverse=code)
        shop.bank = link
        assert shop.atm().withdraw(10_000, AT).state is (State.REVERSED if ends else State.REVERSING)
        assert bool(shop.atm().close_open()) is not ends

    @pytest.mark.parametrize("account", ["12", "0" * 16, "6.22848E+18", "62284800000000000189999", ""])
    def test_a_transfer_to_what_no_account_can_be_is_not_sent(self, shop: Shop, account: str) -> None:
        with pytest.raises(InvalidValue):
            shop.phone().transfer(100, account, AT)
        assert shop.journal.entries() == []


class TestAccountOfTheCard:
    @pytest.mark.parametrize(
        "packed",
        ["", "0000000000000000", "62228000ABCD5678", "FFFFFFFFFFFFFFFFFFFF", "62228000", "6228480000000000018D49"],
    )
    def test_what_no_account_can_be_is_never_sent(
        self, make_card: Callable[..., VirtualCard], order_line: dict[str, Any], packed: str
    ) -> None:
        record = tlv.ber(0x70, tlv.ber(0x5A, bytes.fromhex(packed)))
        card = make_card(files={**order_line["files"], "BANK/EF02": [record.hex()]})
        with pytest.raises(MalformedData) as refused:
            read_account_no(card, CardSession(card, profile=SAMPLE))
        assert not packed or packed not in str(refused.value)

    @pytest.mark.parametrize("number", ["622848000000", ACCOUNT, "6222800012345678"])
    def test_an_account_is_read_whatever_its_filling(
        self, make_card: Callable[..., VirtualCard], order_line: dict[str, Any], number: str
    ) -> None:
        record = tlv.ber(0x70, tlv.ber(0x5A, bytes.fromhex(number.ljust(20, "F"))))
        card = make_card(files={**order_line["files"], "BANK/EF02": [record.hex()]})
        assert read_account_no(card, CardSession(card, profile=SAMPLE)) == number


def test_a_change_of_pin_is_done_or_refused_as_the_bank_says(shop: Shop) -> None:
    link: Any = Link("00")
    shop.bank = link
    shop.atm().change_bank_pin(AT)
    link.codes["send"] = "55"
    with pytest.raises(HostRefused, match="55"):
        shop.atm().change_bank_pin(AT)
    assert [entry.state for entry in shop.journal.entries()] == [State.DONE, State.REFUSED]


def test_a_session_finds_its_way_back_from_the_banks_application(bank_card: VirtualCard) -> None:
    session = CardSession(bank_card, profile=SAMPLE)
    session.select_environment()
    before = session.apdu_count
    assert read_account_no(bank_card, session) == ACCOUNT
    assert session.read_basic().card_no == "X00000019"
    assert session.apdu_count > before


@pytest.mark.parametrize(("trace_no", "amount_fen"), [(0, 1), (MAX_TRACE + 1, 1), (-1, 0), (1, -1), (MAX_TRACE, -100)])
def test_a_request_has_a_trace_number_of_six_digits_and_no_negative_amount(trace_no: int, amount_fen: int) -> None:
    with pytest.raises(InvalidValue, match="trace number"):
        BankRequest(Kind.WITHDRAWAL, "430100000001", trace_no, AT, ACCOUNT, amount_fen)
    right = BankRequest(Kind.TRANSFER, "430100000001", MAX_TRACE, AT, ACCOUNT, 0, b"\x11PIN", b"\x12NEW", OTHER)
    assert not any(hidden in repr(right) for hidden in (ACCOUNT, OTHER, "PIN'", "NEW'"))
