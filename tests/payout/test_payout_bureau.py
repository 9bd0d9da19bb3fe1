"""A bureau that makes every mistake, through the public calls: a typed refusal, nothing moved."""

from datetime import date
from pathlib import Path
from zlib import crc32

import pytest
import sqlalchemy as sa

from sbcard_core.backend import Backend, Rules
from sbcard_core.errors import InvalidValue, SBCardError
from sbcard_core.hosts import bankfile
from sbcard_core.hosts.bankfile import BankFileRefused
from sbcard_core.ledger import AccountKind
from sbcard_core.payout import (
    PENSION,
    FundsShort,
    LifeStatus,
    LineState,
    PayoutEngine,
    PayoutResultRefused,
    Programme,
    RecoveryRefused,
    RollLine,
    RollRefused,
    RollState,
    Standing,
)
from sbcard_core.values import FEN_MAX, CardState

DAY = date(2014, 8, 1)
FIRST = "pension-2014-07-103-001"  # people 1 2 4 5 7 8 under numbers 1 to 6
PLAIN = Programme("plain", "补贴", "FISCAL_PROGRAMME:plain", AccountKind.FISCAL_PROGRAMME, limit_fen=FEN_MAX)
NOTICED = Programme("noticed", "补贴", "FISCAL_PROGRAMME:noticed", AccountKind.FISCAL_PROGRAMME, notice_days=7)


def refused(code: str, kind: type[SBCardError] = RollRefused):
    return pytest.raises(kind, check=lambda error: error.code == code)


def all_sent(town):
    """A town whose roll of all eight is at the banks."""
    town.fund(100_000)
    town.engine.release(town.ready(range(1, 9)), on=DAY, out_dir=town.folder)
    return town


@pytest.fixture
def sent(town):
    return all_sent(town)


@pytest.fixture
def quick_sent(quick_town):
    return all_sent(quick_town)


def written(town, change) -> Path:
    """The bank's answer after ``change`` of its bytes."""
    path = town.answer(FIRST)
    path.write_bytes(change(path.read_bytes()))
    return path


WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


def text(change):
    return lambda raw: change(raw.decode("gb18030")).encode("gb18030")


def nothing(raw: bytes) -> bytes:
    """A whole file that answers no line."""
    head, tail = raw.split(b"\n")[0], b"T|0|0|0|0|0\n"
    return head + b"\n" + tail


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: b"",
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw[: raw.rindex(b"T|")],
        lambda raw: raw[:-8],
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: raw.decode("gb18030").encode("utf-16"),
        text(lambda there: there[: there.index("T|")] + there[there.index("T|") :].translate(WIDE)),
        text(lambda there: there.replace("T|6|6|", "T|6|5|")),
        text(lambda there: there.replace("T|6|6|", f"T|6|{10**30}|")),
        text(lambda there: there.replace("07-103-001|103", "07-402-001|402")),
        text(lambda there: there.replace("07-103-001", "06-103-001")),
        text(lambda there: there.replace("PAYRES", "OPENRES")),
        nothing,
        lambda raw: nothing(raw).replace(b"PAYRES", b"PAYCNF"),
    ],
    ids=[
        *("empty", "half", "no trailer", "cut trailer", "byte order mark", "utf-16", "wide totals"),
        *("a count too few", "a count without end", "another batch", "a batch never sent", "another kind"),
        *("no line", "no line confirmed"),
    ],
)
def test_an_answer_that_is_wrong_as_a_whole(quick_sent, change) -> None:
    before = quick_sent.everything()
    with pytest.raises((BankFileRefused, PayoutResultRefused)):
        quick_sent.engine.read_result(written(quick_sent, change), on=DAY)
    assert quick_sent.everything() == before


def test_totals_may_be_filled_up_with_zeros(quick_sent) -> None:
    """In an answer, and in a confirmation."""

    def padded(there: str) -> str:
        head, _, tail = there.rpartition("T|")
        return head + "T|" + "|".join(f"{int(one):0>12}" for one in tail.strip().split("|")) + "\n"

    path = quick_sent.answer(FIRST, fail={2}, drop={1})
    path.write_bytes(text(padded)(path.read_bytes()))
    first = quick_sent.engine.read_result(path, on=DAY)
    assert (first.paid, first.returned_fen, first.unknown_fen) == (4, 1002, 1001)
    path = confirmation(
        quick_sent, [("1", quick_sent.account(1), "1001", "14", "户名不符")], returned=1, returned_fen=1001
    )
    path.write_bytes(text(padded)(path.read_bytes()))
    assert quick_sent.engine.read_result(path, on=DAY).returned_fen == 1001


@pytest.mark.parametrize("code", ["99", "68", "01", "0", "000", "００", "", "A0"])
def test_a_code_nobody_agreed_on_is_no_return(quick_sent, code: str) -> None:
    """It may mean "perhaps": such a line is not paid again before the bank confirms."""
    line = f"D|2|{quick_sent.account(2)}|1002|00|"
    path = written(quick_sent, text(lambda there: there.replace(line, f"D|2|{quick_sent.account(2)}|1002|{code}|超时")))
    report = quick_sent.engine.read_result(path, on=DAY)
    assert (report.paid, report.returned, report.unknown_fen) == (5, 0, 1002)
    assert quick_sent.findings() == [("payout.status", 1002)]
    assert quick_sent.engine.repay_returned("pension", "2014-07", on=DAY, out_dir=quick_sent.folder) == []
    quick_sent.check_books()


def test_a_file_of_no_line_answers_nothing(sent) -> None:
    """Neither before the answer nor after it; the bank's own file is taken all the same."""
    before = sent.everything()
    for kind in (b"PAYRES", b"PAYCNF"):
        with refused("empty", PayoutResultRefused):
            sent.engine.read_result(written(sent, lambda raw, k=kind: nothing(raw).replace(b"PAYRES", k)), on=DAY)
    assert sent.everything() == before
    assert sent.engine.read_result(sent.answer(FIRST, drop={1}), on=DAY).unknown == 1
    with refused("empty", PayoutResultRefused):
        sent.engine.read_result(written(sent, lambda raw: nothing(raw).replace(b"PAYRES", b"PAYCNF")), on=DAY)
    sent.check_books()


def test_the_bank_s_own_codes(town) -> None:
    town.fund(100_000)
    engine = PayoutEngine(town.store, town.ledger, return_codes={"E7": "户名不符"}, officers=town.registered)
    engine.release(town.ready([1, 2]), on=DAY, out_dir=town.folder)
    path = town.answer(FIRST, fail={1})
    path.write_bytes(path.read_bytes().replace(b"|14|", b"|E7|"))
    report = engine.read_result(path, on=DAY)
    assert (report.paid, report.returned, report.unknown) == (1, 1, 0)


def test_the_bank_s_own_codes_through_the_backend(tmp_path: Path, new_town) -> None:
    """The same answer: unknown by the codes there are, returned by the place's own."""
    url = f"sqlite:///{tmp_path}/books.sqlite"
    with Backend.open(url, officers=new_town.registered) as backend:
        town = new_town(backend.store, tmp_path, 2)
        town.fund(100_000)
        backend.payout.release(town.ready([1, 2]), on=DAY, out_dir=tmp_path)
        path = town.answer(FIRST, fail={1})
        path.write_bytes(path.read_bytes().replace("|14|户名不符".encode("gb18030"), b"|E7|"))
        with backend.rehearsal() as trial:
            assert trial.payout.read_result(path, on=DAY).unknown_fen == 1001
    with Backend.open(url, rules=Rules(return_codes={"E7": "户名不对"})) as backend:
        with backend.rehearsal() as trial:
            assert trial.payout.read_result(path, on=DAY).returned_fen == 1001
        assert backend.payout.read_result(path, on=DAY).returned_fen == 1001
        with backend.store.begin() as connection:
            found = connection.execute(sa.text("SELECT reason FROM payout_line WHERE state = 21")).scalar_one()
        assert found == "户名不对"
    with pytest.raises(InvalidValue):
        PayoutEngine(town.store, town.ledger, return_codes={"00": "退票"})


def test_a_correction_for_somebody_who_was_sent_nothing(sent) -> None:
    """A mistyped number, else the line would go to the wrong account once more; nothing is sent."""
    sent.engine.read_result(sent.answer(FIRST, fail={1}), on=DAY)
    before = sent.everything()
    order = {"on": DAY, "out_dir": sent.folder, "approved_by": (sent.by("li"), sent.by("wang"))}
    for number in (sent.number(9), "", "430102195"):
        with refused("person"):
            sent.engine.repay_returned("pension", "2014-07", corrections={number: "6228480099999999999"}, **order)
        with refused("person"):
            both = {number: "6228480099999999999", sent.number(1): "6228480099999999998"}
            sent.engine.repay_returned("pension", "2014-07", corrections=both, **order)
    assert sent.everything() == before
    right = {sent.number(1): "6228480099999999999"}
    (batch,) = sent.engine.repay_returned("pension", "2014-07", corrections=right, **order)
    assert [row[1] for row in sent.request(batch).rows] == ["6228480099999999999"]
    assert sent.engine.repay_returned("pension", "2014-07", corrections=right, **order) == []  # the same order again
    sent.check_books()


@pytest.mark.parametrize("change", [lambda raw: raw.replace(b"\n", b"\r\n"), lambda raw: raw.removesuffix(b"\n")])
def test_line_ends_are_the_bank_s_affair(quick_sent, change) -> None:
    assert quick_sent.engine.read_result(written(quick_sent, change), on=DAY).paid == 6
    quick_sent.check_books()


def test_full_width_digits_in_a_line_leave_it_unknown(quick_sent) -> None:
    path = written(quick_sent, text(lambda there: there.replace("|1002|00|", "|１００２|00|")))
    assert quick_sent.engine.read_result(path, on=DAY).unknown_fen == 1002
    quick_sent.check_books()


def test_a_reason_whose_second_byte_is_the_separator(sent) -> None:
    """Of 亅, 8165 in other tables, and many more the second byte is 7C: decoded before it is cut."""
    reason = b"\x81\x7c\x82\x7c".decode("gb18030")
    line = f"D|2|{sent.account(2)}|1002|"
    both = text(lambda there: there.replace(f"{line}00|", f"{line}14|{reason}"))(sent.answer(FIRST).read_bytes())
    both = both.replace(b"T|6|6|6027|0|0", b"T|6|5|5025|1|1002")
    report = sent.engine.read_result(written(sent, lambda raw: both), on=DAY)
    assert (report.paid, report.returned) == (5, 1)
    with sent.store.begin() as connection:
        found = connection.execute(sa.text("SELECT reason FROM payout_line WHERE state = 21")).scalar_one()
    assert found == reason


def test_short_funds_and_no_folder_move_nothing(town, tmp_path: Path) -> None:
    town.fund(2002)
    roll_no = town.ready([1, 2])
    before = town.everything()
    with pytest.raises(FundsShort):
        town.engine.release(roll_no, on=DAY, out_dir=town.folder)
    with pytest.raises(InvalidValue):
        town.engine.release(roll_no, on=DAY, out_dir=tmp_path / "nowhere")
    assert town.everything() == before
    assert list(town.folder.glob("PAYREQ*")) == []


def test_sums_beyond_the_ledger_are_refused(town) -> None:
    lines = [RollLine(town.number(n), f"甲{n}", FEN_MAX) for n in (1, 2, 4)]
    roll = town.engine.draft(PLAIN, "2014-07", [*lines, RollLine(town.number(5), "甲5", FEN_MAX + 1)], on=DAY)
    town.fund(1, PLAIN.fund_account)
    with pytest.raises(SBCardError):
        town.engine.release(roll.roll_no, on=DAY, out_dir=town.folder)
    assert town.net(PLAIN.fund_account) == 1
    assert ("payout.amount", 0) in town.findings()


def test_a_code_means_one_programme(town) -> None:
    """Else a second "pension" could do without officers, or be paid from another fund."""
    easy = Programme("pension", "养老金", PENSION.fund_account, AccountKind.PENSION_FUND)
    with pytest.raises(InvalidValue):
        town.engine.draft(easy, "2014-07", town.roll([1]), on=DAY)
    assert town.everything()["payout_roll"][0] == 0


def test_a_notice_does_not_begin_before_the_roll(town) -> None:
    roll = town.engine.draft(NOTICED, "2014", town.roll([1]), on=DAY, by="d")
    with refused("notice"):
        town.engine.notice(roll.roll_no, on=date(2014, 7, 1))
    assert town.engine.status(roll.roll_no).roll.state is RollState.APPROVED


def test_returned_money_goes_back_to_its_own_fund(sent) -> None:
    sent.engine.read_result(sent.answer(FIRST, fail={1}), on=DAY)
    before = sent.everything()
    with refused("programme", RecoveryRefused):
        sent.engine.cancel_returned("farm-subsidy", [(FIRST, 1)], on=DAY)
    assert sent.everything() == before
    assert sent.engine.cancel_returned("pension", [(FIRST, 1)], on=DAY) == 1
    sent.check_books()


def test_one_account_for_two_people_on_two_rolls(town) -> None:
    town.set_card(2, account_no=town.account(1))
    town.engine.draft(PLAIN, "2014-07", town.roll([1]), on=DAY)
    later = town.engine.draft(PLAIN, "2014-07", town.roll([2, 4]), on=DAY)
    assert town.findings() == [("payout.account_shared", 0)]
    assert town.engine.status(later.roll_no).total_fen == 1004


def test_what_changed_since_the_approval_stops_the_release(town) -> None:
    town.fund(100_000)
    roll_no = town.ready(range(1, 6))
    assert town.engine.stale(roll_no) == []
    town.set_card(1, account_state=int(CardState.CANCELLED))
    told = Standing(town.number(3), bank="103", account_no="6228999999999", account_state=CardState.NORMAL)
    town.engine.tell([Standing(town.number(2), LifeStatus.DEAD, date(2014, 6, 1)), told], on=DAY)
    town.engine.tell([Standing(town.number(4), LifeStatus.DEAD, date(2014, 7, 9))], on=DAY)  # the month is still due
    stale = town.engine.stale(roll_no)
    assert stale == [(1, "card"), (2, "living"), (3, "account")]
    before = town.everything()
    with refused("stale"):
        town.engine.release(roll_no, on=DAY, out_dir=town.folder)
    assert town.everything() == before
    roll = town.engine.remove(roll_no, [line for line, _ in stale], reason="changed")
    with refused("approval"):
        town.engine.release(roll_no, on=DAY, out_dir=town.folder)
    for officer in "ab":
        town.engine.approve(roll_no, town.by(officer), roll.digest, on=DAY)
    made = town.engine.release(roll_no, on=DAY, out_dir=town.folder)
    assert [row[3] for batch in made for row in town.request(batch).rows] == [town.number(4), town.number(5)]
    town.set_card(5, account_state=int(CardState.CANCELLED))
    assert town.engine.stale(roll_no) == []  # it is out


def test_a_replaced_card_of_the_same_account_is_not_stale(town) -> None:
    town.fund(100_000)
    roll_no = town.ready([1])
    town.set_card(1, account_state=int(CardState.CANCELLED))
    with town.store.begin() as connection:
        town.give_card(connection, 1, "A90000001")
    assert town.engine.stale(roll_no) == []


def test_who_is_not_due_now_is_not_paid_again(sent) -> None:
    sent.engine.read_result(sent.answer(FIRST, fail={1, 2, 3, 4}), on=DAY)  # people 1 2 4 5
    sent.engine.suspend("pension", sent.number(1), since="2014-07", reason="未认证", on=DAY)
    sent.engine.suspend("pension", sent.number(2), since="2014-08", reason="未认证", on=DAY)  # July is due
    dead = [Standing(sent.number(4), LifeStatus.DEAD, date(2014, 6, 9)), Standing(sent.number(5), LifeStatus.DEAD, DAY)]
    sent.engine.tell(dead, on=DAY)
    (again,) = sent.engine.repay_returned("pension", "2014-07", on=DAY, out_dir=sent.folder)
    assert [row[3] for row in sent.request(again).rows] == [sent.number(2), sent.number(5)]
    sent.engine.resume("pension", sent.number(1), since="2014-07")
    (later,) = sent.engine.repay_returned("pension", "2014-07", on=DAY, out_dir=sent.folder)
    assert [row[3] for row in sent.request(later).rows] == [sent.number(1)]
    sent.check_books()


def test_a_line_paid_again_names_the_failed_one_and_the_sum_outstanding_stays(sent) -> None:
    roll_no = "pension-2014-07-R001"
    sent.engine.read_result(sent.answer(FIRST, fail={2, 5}), on=DAY)
    before = sent.engine.status(roll_no).outstanding_fen
    batch, chain = FIRST, []
    for round_ in range(3):
        (new,) = sent.engine.repay_returned("pension", "2014-07", on=DAY, out_dir=sent.folder)
        assert sent.engine.status(roll_no).outstanding_fen == before
        with sent.store.begin() as connection:
            query = sa.text("SELECT seq, repays_batch, repays_seq FROM payout_line WHERE batch_no = :no ORDER BY seq")
            chain.append([tuple(row) for row in connection.execute(query, {"no": new})])
        assert [row[1:] for row in chain[-1]] == [(batch, 2 if not round_ else 1), (batch, 5 if not round_ else 2)]
        assert sent.engine.repay_returned("pension", "2014-07", on=DAY, out_dir=sent.folder) == []
        sent.engine.read_result(sent.answer(new, fail={1, 2}, name=f"{new}.txt"), on=DAY)
        assert sent.engine.status(roll_no).outstanding_fen == before
        batch = new
    sent.check_books()


def confirmation(town, lines, **totals: int) -> Path:
    path = town.folder / "CNF.txt"
    sums = {"paid": 0, "paid_fen": 0, "returned": 0, "returned_fen": 0}
    header = {"batch_no": FIRST, "bank": "103", "date": "20140803"}
    bankfile.write(path, bankfile.PAYOUT_CONFIRMATION, header, lines, sums | totals)
    return path


def test_a_bank_that_never_sends_a_result_may_confirm_the_whole_batch(sent) -> None:
    rows = [(row[0], row[1], row[4], "00", "") for row in sent.request(FIRST).rows]
    fen = sum(int(row[2]) for row in rows)
    part = confirmation(sent, rows[1:], paid=5, paid_fen=fen - 1001)
    before = sent.everything()
    with refused("unanswered", PayoutResultRefused):
        sent.engine.read_result(part, on=DAY)
    assert sent.everything() == before
    last = (*rows[-1][:3], "14", "")
    whole = confirmation(sent, [*rows[:-1], last], paid=5, paid_fen=fen - 1008, returned=1, returned_fen=1008)
    report = sent.engine.read_result(whole, on=DAY)
    assert (report.paid, report.returned, report.unknown) == (5, 1, 0)
    assert sent.engine.read_result(whole, on=DAY).repeated
    with refused("answered", PayoutResultRefused):  # the result comes after all
        sent.engine.read_result(sent.answer(FIRST), on=DAY)
    assert sent.states()[LineState.RETURNED] == 1008
    sent.check_books()


def test_staged_files_a_crash_left_behind(town) -> None:
    town.fund(100_000)
    roll_no = town.ready(range(1, 9))
    folder = town.folder
    staged = f"PAYREQ_{FIRST}.txt.new"
    (folder / staged).write_bytes(b"H|of a batch that was taken back")
    (folder / f".{staged}.{crc32(staged.encode()):08x}0000.sbcard-part").write_bytes(b"half")
    made = town.engine.release(roll_no, on=DAY, out_dir=folder)
    assert {path.name for path in folder.glob("*PAYREQ*")} == {f"PAYREQ_{no}.txt" for no in made}
    path = folder / f"PAYREQ_{FIRST}.txt"
    whole = path.read_bytes()
    path.rename(folder / f"{path.name}.new")  # committed, not handed over
    assert town.engine.release(roll_no, on=DAY, out_dir=folder) == []
    assert path.read_bytes() == whole
    assert list(folder.glob("*.new")) == []
