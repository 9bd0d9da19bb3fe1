"""Results: each line paid, returned or unknown; one finding per unknown; the fen are conserved whatever comes."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sbcard_core.hosts.bankfile import BankFileRefused
from sbcard_core.officers import ApprovalRefused
from sbcard_core.payout import LineState, PayoutResultRefused, RollRefused
from sbcard_core.store import Store

ON = date(2014, 8, 2)
FIRST = "pension-2014-07-103-001"  # people 1 2 4 5 7 8 under numbers 1 to 6
SUM = sum(1000 + n for n in (1, 2, 4, 5, 7, 8))


def tampered(path: Path, old: str, new: str) -> Path:
    text = path.read_bytes().decode("gb18030")
    assert text.count(old) == 1
    path.write_bytes(text.replace(old, new).encode("gb18030"))
    return path


def test_paid_and_returned(town) -> None:
    town.pay(range(1, 9))
    report = town.engine.read_result(town.answer(FIRST, fail={2, 5}), on=ON)
    assert (report.paid, report.returned, report.unknown, report.findings) == (4, 2, 0, [])
    assert (report.paid_fen, report.returned_fen) == (SUM - 1002 - 1007, 1002 + 1007)
    assert town.states()[LineState.RETURNED] == 1002 + 1007
    town.check_books()


def test_a_second_delivery_has_no_effect(town) -> None:
    town.pay(range(1, 9))
    path = town.answer(FIRST, fail={2})
    town.engine.read_result(path, on=ON)
    before = town.states(), town.ledger.totals()
    again = town.engine.read_result(path.rename(town.folder / "again.txt"), on=date(2014, 9, 1))
    assert again.repeated
    assert again.paid == 0
    with pytest.raises(PayoutResultRefused) as refused:
        town.engine.read_result(town.answer(FIRST), on=ON)
    assert refused.value.code == "answered"
    assert (town.states(), town.ledger.totals()) == before


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("D|2|", "D|77|", "payout.seq"),
        ("D|2|", "D|3|", "payout.account_no"),
        ("D|2|", "D|x|", "payout.seq"),
        ("|00|", "|0?|", "payout.status"),
        ("|00|", "||", "payout.status"),
        ("|1002|", "|1003|", "payout.amount_fen"),
        ("|1002|", "||", "payout.amount_fen"),
        ("|62284800", "|62284801", "payout.account_no"),
        ("|1002|", "|10|02|", "payout.columns"),
        ("D|2|", "d|2|", "payout.kind"),
    ],
)
def test_one_tampered_line_is_one_finding_and_its_amount_in_suspense(quick_town, old: str, new: str, code: str) -> None:
    quick_town.pay(range(1, 9))
    line = f"D|2|{quick_town.account(2)}|1002|00|"
    path = tampered(quick_town.answer(FIRST), line, line.replace(old, new, 1))
    report = quick_town.engine.read_result(path, on=ON)
    assert [(f.code, f.line, f.amount_fen) for f in report.findings] == [(code, 3, 1002)]
    assert quick_town.findings() == [(code, 1002)]
    assert (report.paid, report.unknown, report.unknown_fen) == (5, 1, 1002)
    quick_town.check_books()


def test_a_missing_line_is_one_finding(town) -> None:
    town.pay(range(1, 9))
    report = town.engine.read_result(town.answer(FIRST, drop={4}), on=ON)
    assert town.findings() == [("payout.missing", 1005)]
    assert (report.paid, report.unknown_fen) == (5, 1005)
    town.check_books()


def test_two_answers_for_one_line(town) -> None:
    """Twice the same answer is a finding only; two different answers leave the line unknown."""
    town.pay(range(1, 9))
    line = f"D|2|{town.account(2)}|1002|00|\n"
    path = tampered(town.answer(FIRST), line, line * 2)
    path = tampered(path, f"T|6|6|{SUM}|", f"T|7|7|{SUM + 1002}|")
    report = town.engine.read_result(path, on=ON)
    assert (report.paid, report.unknown) == (6, 0)
    assert town.findings() == [("payout.twice", 0)]
    other = "pension-2014-07-402-001"  # people 3 and 6
    line = f"D|1|{town.account(3)}|1003|00|\n"
    path = tampered(town.answer(other), line, line + line.replace("|00|", "|14|"))
    path = tampered(path, "T|2|2|2009|0|0", "T|3|2|2009|1|1003")
    report = town.engine.read_result(path, on=ON)
    assert (report.paid, report.unknown, report.unknown_fen) == (1, 1, 1003)
    assert town.findings()[1:] == [("payout.twice", 1003)]
    town.check_books()


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("T|6|6|", "T|6|5|", PayoutResultRefused),
        (f"T|6|6|{SUM}", f"T|6|6|{SUM - 1}", PayoutResultRefused),
        ("T|6|", "T|7|", BankFileRefused),
        ("|103|2014", "|402|2014", PayoutResultRefused),
        ("07-103-001", "07-103-009", PayoutResultRefused),
        ("|1002|00|", "|1002|14|", PayoutResultRefused),  # a readable line that the totals contradict
    ],
)
def test_a_file_whose_lines_are_fine_must_have_their_totals(quick_town, old: str, new: str, error: type) -> None:
    quick_town.pay(range(1, 9))
    with pytest.raises(error):
        quick_town.engine.read_result(tampered(quick_town.answer(FIRST), old, new), on=ON)
    assert set(quick_town.states()) == {LineState.SENT}
    assert quick_town.findings() == []
    quick_town.check_books()


def test_returned_lines_are_paid_again_and_again(town) -> None:
    town.pay(range(1, 9))
    town.engine.read_result(town.answer(FIRST, fail={2, 5}), on=ON)
    again = {"on": date(2014, 8, 5), "out_dir": town.folder}
    corrected = {"corrections": {town.number(2): "6228480099999999999"}}
    for officers, code in (
        ("", "count"),
        (["li"], "count"),
        (["li", "li"], "count"),
        (["li", "zhang"], "officer"),  # who drafted the roll
        (["li", "stranger"], "officer"),
    ):
        signers = [town.by(one) for one in officers]
        with pytest.raises(ApprovalRefused) as few:
            town.engine.repay_returned("pension", "2014-07", **again, **corrected, approved_by=signers)
        assert few.value.code == code
    for other in (town.account(3), "6228480099999999999"):  # another's in the registry; one account for two
        theirs = {"corrections": {town.number(7): other, town.number(2): "6228480099999999999"}}
        with pytest.raises(RollRefused) as error:
            town.engine.repay_returned(
                "pension", "2014-07", **again, **theirs, approved_by=[town.by("a"), town.by("b")]
            )
        assert error.value.code == "account"
    (second,) = town.engine.repay_returned(
        "pension", "2014-07", **again, **corrected, approved_by=[town.by("a"), town.by("b")]
    )
    rows = town.request(second).rows
    assert [(row[1], row[4]) for row in rows] == [("6228480099999999999", "1002"), (town.account(7), "1007")]
    assert town.engine.repay_returned("pension", "2014-07", **again, corrections={}) == []
    town.check_books()
    town.engine.read_result(town.answer(second, fail={2}), on=date(2014, 8, 6))
    (third,) = town.engine.repay_returned("pension", "2014-07", **again)
    town.engine.read_result(town.answer(third), on=date(2014, 8, 7))
    town.engine.read_result(town.answer("pension-2014-07-402-001"), on=ON)
    states = town.states()
    assert states[LineState.PAID] == sum(1000 + n for n in range(1, 9))
    assert states[LineState.REPAID] == 1002 + 1007 + 1007
    town.check_books()


def test_only_approved_lines_are_paid_again(town) -> None:
    town.pay(range(1, 9))
    town.engine.read_result(town.answer(FIRST, fail={1, 2}), on=ON)
    (second,) = town.engine.repay_returned("pension", "2014-07", on=ON, out_dir=town.folder, only={town.number(1)})
    assert [row[3] for row in town.request(second).rows] == [town.number(1)]
    town.check_books()


def test_unknown_is_never_paid_again(town) -> None:
    town.pay(range(1, 9))
    town.engine.read_result(town.answer(FIRST, drop={1, 2, 3}), on=ON)
    assert town.engine.repay_returned("pension", "2014-07", on=ON, out_dir=town.folder, corrections={}) == []


@given(
    fail=st.sets(st.integers(1, 6)),
    drop=st.sets(st.integers(1, 6), max_size=5),
    changes=st.lists(st.tuples(st.integers(0, 600), st.sampled_from(b"D|T01239\n?x\xff")), max_size=3),
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_every_fen_is_somewhere_whatever_the_file_says(
    new_town, tmp_path_factory: pytest.TempPathFactory, fail: set, drop: set, changes: list
) -> None:
    with Store.open("sqlite://") as store:
        town = new_town(store, tmp_path_factory.mktemp("town"), 8)
        town.pay(range(1, 9))
        path = town.answer(FIRST, fail=fail, drop=drop)
        raw = bytearray(path.read_bytes())
        for place, byte in changes:
            raw[place % len(raw)] = byte
        path.write_bytes(raw)
        try:
            report = town.engine.read_result(path, on=ON)
        except (BankFileRefused, PayoutResultRefused):
            assert set(town.states()) == {LineState.SENT}
        else:
            assert report.paid + report.returned + report.unknown == 6
            assert report.paid_fen + report.returned_fen + report.unknown_fen == SUM
            assert sum(f.amount_fen for f in report.findings) == report.unknown_fen
            assert sum(f.amount_fen > 0 for f in report.findings) == report.unknown
            assert len(report.findings) <= len(drop) + 2 * len(changes)
        town.check_books()
        assert sum(town.states().values()) == sum(1000 + n for n in range(1, 9))
