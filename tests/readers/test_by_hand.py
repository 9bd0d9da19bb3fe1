"""人工处理: what a bank refuses to take back, or never answers, is ended by an officer and in no other way."""

from datetime import date, timedelta
from typing import Any

import pytest

from readers.by_hand import act_of, settle
from readers.journal import FileJournal
from readers.online import BankReply, HostLost, State
from sbcard_core.errors import InvalidValue
from sbcard_core.officers import Act, ApprovalRefused, InSession, KeyFile, Officer, Officers, new_key
from tests.readers.shop import AT, OTHER, Crash, Shop

DAY = date.fromisoformat("2014-08-01")
PEM, PUBLIC = new_key("a passphrase")
LI = KeyFile("li", PEM, lambda: "a passphrase")
OFFICERS = Officers([Officer("li", "李四", PUBLIC), Officer("wang", "王五")])
WHY = "银行已调账，凭证 20140801-7"


class Sessions:
    def confirms(self, officer: str, act: Act, proof: bytes) -> bool:
        return (officer, proof) == ("wang", b"session of wang")


@pytest.fixture
def refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The dispenser gave one of three notes, and the bank refuses the rest of the reversal for good."""
    monkeypatch.setattr(shop.bank, "reverse", lambda *_: BankReply("64"))
    monkeypatch.setattr(shop.dispenser, "_jams", {1: 1})
    entry = shop.atm().withdraw(30_000, AT)
    assert (entry.state, entry.done_fen, entry.reverse_fen, entry.code) == (State.REVERSING, 10_000, 20_000, "64")
    assert [one.state for one in shop.atm().close_open()] == [State.REVERSING]
    return shop


def test_a_reversal_refused_for_good_is_ended_by_an_officer_with_a_reason(refused: Shop) -> None:
    ended = settle(refused.journal, OFFICERS, 1, moved_fen=10_000, reason=WHY, on=DAY, by=LI)
    assert (ended.state, ended.done_fen, ended.reverse_fen, ended.reason) == (State.BY_HAND, 10_000, 0, WHY)
    assert list(refused.journal.entries()) == [ended]
    assert not ended.is_open
    assert refused.atm().close_open() == []
    assert '"officer": "li"' in ended.approval
    with pytest.raises(InvalidValue, match="no transaction 1"):
        settle(refused.journal, OFFICERS, 1, moved_fen=10_000, reason=WHY, on=DAY, by=LI)


@pytest.mark.parametrize("moved_fen", [0, 9_999, 10_001, 30_000, -1])
def test_no_end_with_which_somebody_loses_money(refused: Shop, moved_fen: int) -> None:
    with pytest.raises(InvalidValue, match=rf"{moved_fen} fen"):
        settle(refused.journal, OFFICERS, 1, moved_fen=moved_fen, reason=WHY, on=DAY, by=LI)
    assert [one.state for one in refused.journal.entries()] == [State.REVERSING]


@pytest.mark.parametrize("reason", ["", "  ", "a\nb", "长" * 201])
def test_no_end_without_a_reason(refused: Shop, reason: str) -> None:
    with pytest.raises(InvalidValue, match="reason"):
        settle(refused.journal, OFFICERS, 1, moved_fen=10_000, reason=reason, on=DAY, by=LI)
    long = settle(refused.journal, OFFICERS, 1, moved_fen=10_000, reason="长" * 200, on=DAY, by=LI)
    assert long.state is State.BY_HAND


def test_no_end_by_somebody_else_or_of_another_act(refused: Shop) -> None:
    (entry,) = refused.journal.entries()
    strange = KeyFile("wang", PEM, lambda: "a passphrase")
    nobody = KeyFile("zhao", PEM, lambda: "a passphrase")
    other = LI.approve(act_of(entry, 10_000, "another reason", DAY))
    late = LI.approve(act_of(entry, 10_000, WHY, DAY + timedelta(1)))
    session: Any = InSession("wang", b"session of wang")
    for signer, code in ((strange, "proof"), (nobody, "officer"), (other, "act"), (late, "order"), (session, "proof")):
        with pytest.raises(ApprovalRefused) as no:
            settle(refused.journal, OFFICERS, 1, moved_fen=10_000, reason=WHY, on=DAY, by=signer)
        assert no.value.code == code
    assert list(refused.journal.entries()) == [entry]
    same = LI.approve(act_of(entry, 10_000, WHY, DAY))
    assert settle(refused.journal, OFFICERS, 1, moved_fen=10_000, reason=WHY, on=DAY, by=same).state is State.BY_HAND


def test_a_sessions_name_is_not_kept(refused: Shop) -> None:
    officers = Officers([Officer("wang", "王五")], sessions=Sessions())
    session = InSession("wang", b"session of wang")
    ended = settle(refused.journal, officers, 1, moved_fen=10_000, reason=WHY, on=DAY, by=session)
    assert '"officer": "wang"' in ended.approval
    assert b"session of wang".hex() not in ended.approval


@pytest.mark.parametrize(("moved_fen", "ends"), [(0, True), (60, True), (100, True), (101, False)])
def test_a_transfer_of_which_the_bank_says_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, moved_fen: int, ends: bool
) -> None:
    def never(*_: object) -> BankReply:
        raise HostLost("down", step="line")

    for what in ("send", "ask"):
        monkeypatch.setattr(shop.bank, what, never)
    assert shop.phone().transfer(100, OTHER, AT).state is State.STARTED
    if ends:
        ended = settle(shop.journal, OFFICERS, 1, moved_fen=moved_fen, reason=WHY, on=DAY, by=LI)
        assert (ended.done_fen, ended.is_open) == (moved_fen, False)
    else:
        with pytest.raises(InvalidValue):
            settle(shop.journal, OFFICERS, 1, moved_fen=moved_fen, reason=WHY, on=DAY, by=LI)


def test_a_withdrawal_that_stopped_before_the_bank_answered_ends_with_no_money(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine lost power before it gave out notes, so the account stays debited by none."""

    def stop(*_: object) -> BankReply:
        raise Crash

    with monkeypatch.context() as broken:
        broken.setattr(shop.bank, "send", stop)
        with pytest.raises(Crash):
            shop.atm().withdraw(10_000, AT)
    for moved_fen in (10_000, 1):
        with pytest.raises(InvalidValue, match=f"{moved_fen} fen"):
            settle(shop.journal, OFFICERS, 1, moved_fen=moved_fen, reason=WHY, on=DAY, by=LI)
    ended = settle(shop.journal, OFFICERS, 1, moved_fen=0, reason=WHY, on=DAY, by=LI)
    assert (ended.state, ended.done_fen) == (State.BY_HAND, 0)


def test_a_count_is_no_end_by_hand(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.dispenser, "_forgets", {1})
    monkeypatch.setattr(shop.dispenser, "_jams", {1: 0})
    assert shop.atm().withdraw(10_000, AT).state is State.COUNT_NEEDED
    with pytest.raises(InvalidValue, match="no transaction 1"):
        settle(shop.journal, OFFICERS, 1, moved_fen=0, reason=WHY, on=DAY, by=LI)


def test_the_end_is_in_the_file(refused: Shop, tmp_path: Any) -> None:
    journal = FileJournal(tmp_path / "atm.jsonl")
    for entry in refused.journal.entries():
        journal.write(entry)
    settle(FileJournal(tmp_path / "atm.jsonl"), OFFICERS, 1, moved_fen=10_000, reason=WHY, on=DAY, by=LI)
    assert [one.state for one in journal.entries()] == [State.BY_HAND]
    assert FileJournal(tmp_path / "atm.jsonl").entries() == journal.entries()
