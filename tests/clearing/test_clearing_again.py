"""Verdicts made again under the right key, suspense that two officers end, and cards that could not be used."""

import dataclasses
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from sbcard_core.clearing import (
    ClearingStatus,
    Exit,
    KeyVersion,
    KeyVersions,
    SuspenseRefused,
    act_of,
    clear_journal,
    held,
    leave_suspense,
    merchant_account,
    offline,
    suspense,
    verdicts,
    write_journal,
)
from sbcard_core.clearing.journal import digest
from sbcard_core.clearing.offline import ClearingRefused
from sbcard_core.clearing.suspense import SuspenseState
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.errors import InvalidValue
from sbcard_core.ledger import AccountKind, Ledger, Transfer
from sbcard_core.officers import ApprovalRefused, InSession, Officer, Officers
from sbcard_core.store import Store, migrate, schema
from tests.clearing.conftest import Sessions
from tests.clearing.test_clearing_offline import ON, TERMINALS, Record, balance, findings, purchase
from tests.people import enrol, move

LATER = date(2014, 8, 5)
LI, WANG, BAD = InSession("li", b"good"), InSession("wang", b"good"), InSession("wang", b"bad")


@pytest.fixture(scope="session")
def others() -> Any:
    with MasterKeys.simulation(1999) as made:
        yield made


def merchants(ledger: Ledger) -> int:
    return balance(ledger, *map(merchant_account, TERMINALS))


def journal(folder: Path, records: list[Record], name: str = "j.csv") -> Path:
    write_journal(folder / name, records)
    return folder / name


def leave(store: Store, ledger: Ledger, officers: Officers, way: Exit, lines: Any, **changes: Any) -> int:
    values: dict[str, Any] = {"reason": "商户已核实", "on": LATER, "signers": [LI, WANG]}
    return leave_suspense(store, ledger, officers, way, lines, **values | changes)


def test_a_journal_read_under_a_wrong_key_is_cleared_under_the_right_one(
    store: Store, ledger: Ledger, keys: MasterKeys, others: MasterKeys, tmp_path: Path
) -> None:
    records = [purchase(number, keys) for number in range(20)]
    total = sum(one.amount_fen for one in records)
    path = journal(tmp_path, records)
    first = clear_journal(store, ledger, path, others, on=ON)
    assert (first.suspended, balance(ledger, "SUSPENSE")) == (20, total)
    plain = clear_journal(store, ledger, path, keys, on=LATER)
    assert (plain.repeated, plain.lines, balance(ledger, "SUSPENSE")) == (True, 0, total)
    again = clear_journal(store, ledger, path, keys, on=LATER, again="读入时密钥有误")
    assert (again.repeated, again.cleared, again.cleared_fen, again.suspended_fen) == (True, 20, total, 0)
    assert (balance(ledger, "SUSPENSE"), merchants(ledger), balance(ledger, "PURSE_FLOAT")) == (0, total, -total)
    assert held(store) == []
    both = verdicts(store, again.source, 2)
    assert [(one.status.name, one.on, one.reason) for one in both] == [
        ("TAC_MISMATCH", ON, ""),
        ("CLEARED", LATER, "读入时密钥有误"),
    ]
    assert len(findings(store)) == 20  # what was found stays on record
    with store.begin() as connection:
        numbers = connection.execute(sa.select(schema.clearing_verdict.c.number)).scalars().all()
    assert sorted(numbers) == [1] * 20 + [2] * 20
    once_more = clear_journal(store, ledger, path, keys, on=LATER, again="再查")
    assert (once_more.lines, len(verdicts(store, again.source, 2))) == (0, 2)
    copy = clear_journal(store, ledger, journal(tmp_path, records[:3], "copy.csv"), keys, on=LATER)
    assert copy.statuses == {ClearingStatus.DUPLICATE: 3}
    assert ledger.recompute() == []


def test_what_was_cleared_stays_cleared_under_another_key(
    store: Store, ledger: Ledger, keys: MasterKeys, others: MasterKeys, tmp_path: Path
) -> None:
    records = [purchase(1, keys), dataclasses.replace(purchase(2, keys), tac=bytes(4))]
    path = journal(tmp_path, records)
    clear_journal(store, ledger, path, keys, on=ON)
    again = clear_journal(store, ledger, path, others, on=LATER, again="试另一密钥")
    assert (again.statuses, merchants(ledger)) == ({ClearingStatus.TAC_MISMATCH: 1}, records[0].amount_fen)
    assert [one.reason for one in verdicts(store, again.source, 3)] == ["", "试另一密钥"]
    assert verdicts(store, again.source, 2) == []
    for reason in (" ", "a\nb", "x" * 201):
        with pytest.raises(InvalidValue):
            clear_journal(store, ledger, path, keys, on=LATER, again=reason)


def test_the_key_is_that_of_the_cards_version_on_the_day(
    store: Store, ledger: Ledger, keys: MasterKeys, others: MasterKeys, tmp_path: Path
) -> None:
    changed = date(2014, 7, 31)
    before, after = datetime(2014, 7, 30, 9), datetime(2014, 7, 31, 9)  # noqa: DTZ001
    good = [purchase(0, keys, at=before), purchase(1, others, at=after), purchase(2, others, key_version=2)]
    wrong = [purchase(3, others, at=before), purchase(4, keys, at=after), purchase(5, keys, key_version=2)]
    path = journal(tmp_path, [*good, *wrong, purchase(6, others, key_version=3)])
    versions = [KeyVersion(1, changed, others), KeyVersion(1, date(2012, 1, 1), keys), KeyVersion(2, changed, others)]
    report = clear_journal(store, ledger, path, KeyVersions(versions), on=ON)
    mismatch = ClearingStatus.TAC_MISMATCH
    assert report.statuses == {ClearingStatus.CLEARED: 3, mismatch: 3, ClearingStatus.UNKNOWN_KEY: 1}
    assert merchants(ledger) == sum(one.amount_fen for one in good)
    loaded = KeyVersions([*versions, KeyVersion(3, changed, others)])
    again = clear_journal(store, ledger, path, loaded, on=LATER, again="密钥已补录")
    assert again.statuses == {ClearingStatus.CLEARED: 1, mismatch: 3}
    with pytest.raises(InvalidValue, match="same day"):
        KeyVersions([*versions, KeyVersion(2, changed, keys)])


def test_a_card_is_asked_about_the_day_of_the_purchase(
    store: Store, ledger: Ledger, keys: MasterKeys, tmp_path: Path
) -> None:
    days = [datetime(2014, 7, day, 9) for day in (29, 30, 31)]  # noqa: DTZ001
    records = [purchase(n, keys, at=at, card_no="B00000089", factor=bytes(8)) for n, at in enumerate(days)]
    enrol(store, "B00000089", bytes(8).hex())
    move(store, "B00000089", "2014-07-30", to_state=2)
    report = clear_journal(store, ledger, journal(tmp_path, records), keys, on=ON)
    assert report.statuses == {ClearingStatus.CLEARED: 2, ClearingStatus.NOT_ELIGIBLE: 1}
    (one,) = held(store)
    assert (one.line, one.status, one.card_no) == (4, ClearingStatus.NOT_ELIGIBLE, "B00000089")
    with store.begin() as connection:
        detail = connection.execute(sa.select(schema.finding.c.detail)).scalar_one()
    assert "使用资格待核(卡已挂失)" in detail


def suspended(store: Store, ledger: Ledger, keys: MasterKeys, folder: Path) -> None:
    """Two damaged lines of different terminals, a duplicate, and one that nobody can read."""
    good = purchase(9, keys)
    damaged = [dataclasses.replace(purchase(n, keys), tac=bytes(4)) for n in (1, 2)]
    path = journal(folder, [*damaged, good, good])
    with path.open("ab") as file:
        file.write(b"x,1,y,?,430100,1,700,6,20140731093000,1,0,0011AABB\n")
    clear_journal(store, ledger, path, keys, on=ON)


def test_two_officers_release_a_line_and_return_another(
    store: Store, ledger: Ledger, keys: MasterKeys, officers: Officers, tmp_path: Path
) -> None:
    suspended(store, ledger, keys, tmp_path)
    float_before = balance(ledger, "PURSE_FLOAT")
    one, two, double, unread = held(store)
    assert leave(store, ledger, officers, Exit.RELEASE, [one]) == one.amount_fen == 101
    assert balance(ledger, merchant_account(one.terminal_no)) == 101 + 109
    assert balance(ledger, merchant_account(two.terminal_no)) == 0
    assert leave(store, ledger, officers, Exit.RETURN, [double, unread], reason="无法核实") == 109 + 700
    assert balance(ledger, "PURSE_FLOAT") == float_before + 109 + 700
    assert held(store) == [two]
    assert balance(ledger, "SUSPENSE") == two.amount_fen
    assert [v.reason for v in verdicts(store, one.source, one.line)] == ["", "release: 商户已核实"]
    with store.begin() as connection:
        table = schema.approval.c
        rows = connection.execute(sa.select(table.kind, table.officer).order_by(table.kind, table.officer)).all()
    assert [tuple(row) for row in rows] == [
        *(("clearing.release", "li"), ("clearing.release", "wang")),
        *(("clearing.return", "li"), ("clearing.return", "wang")),
    ]
    genuine = journal(tmp_path, [purchase(1, keys)], "late.csv")  # the real record comes after all: it is paid already
    assert clear_journal(store, ledger, genuine, keys, on=LATER).statuses == {ClearingStatus.DUPLICATE: 1}
    assert ledger.recompute() == []


@pytest.mark.parametrize("signers", [[], [LI], [LI, LI], [LI, BAD], [LI, InSession("zhao", b"good")]])
def test_fewer_than_two_officers_move_nothing(
    store: Store, ledger: Ledger, keys: MasterKeys, officers: Officers, tmp_path: Path, signers: list[InSession]
) -> None:
    suspended(store, ledger, keys, tmp_path)
    lines, money = held(store), ledger.totals()
    for way in Exit:
        with pytest.raises(ApprovalRefused):
            leave(store, ledger, officers, way, lines[:1], signers=signers)
    assert (held(store), ledger.totals()) == (lines, money)


def test_an_approval_is_of_these_lines_amounts_way_and_reason(
    store: Store, ledger: Ledger, keys: MasterKeys, officers: Officers, tmp_path: Path
) -> None:
    suspended(store, ledger, keys, tmp_path)
    one, two, *_ = held(store)
    given = act_of(Exit.RETURN, [one], "商户已核实", on=LATER)
    signed = [signer.approve(given) for signer in (LI, WANG)]
    for way, lines, reason in (
        (Exit.RELEASE, [one], "商户已核实"),
        (Exit.RETURN, [one, two], "商户已核实"),
        (Exit.RETURN, [two], "商户已核实"),
        (Exit.RETURN, [one], "另一理由"),
        (Exit.RETURN, [dataclasses.replace(one, amount_fen=1)], "商户已核实"),
    ):
        with pytest.raises((ApprovalRefused, SuspenseRefused)):
            leave(store, ledger, officers, way, lines, reason=reason, signers=signed)
    with pytest.raises(ApprovalRefused):  # approved for a later day than the act
        leave(store, ledger, officers, Exit.RETURN, [one], on=ON, signers=signed)
    assert leave(store, ledger, officers, Exit.RETURN, [one], signers=signed) == one.amount_fen


def test_what_cannot_leave_suspense_is_named(
    store: Store, ledger: Ledger, keys: MasterKeys, officers: Officers, tmp_path: Path
) -> None:
    suspended(store, ledger, keys, tmp_path)
    one, two, double, unread = held(store)
    leave(store, ledger, officers, Exit.RETURN, [one])
    money = ledger.totals()
    for way, lines, words in (
        (Exit.RETURN, [one], "does not lie in suspense"),
        (Exit.RELEASE, [two, one], "does not lie in suspense"),
        (Exit.RELEASE, [two, double], "was paid before"),
        (Exit.RELEASE, [unread, two], "names no readable terminal"),
        (Exit.RETURN, [dataclasses.replace(two, amount_fen=5)], "not with this amount"),
    ):
        with pytest.raises(SuspenseRefused, match=words):
            leave(store, ledger, officers, way, lines)
    for lines, reason in (([], "r"), ([two], ""), ([two], "a\tb")):
        with pytest.raises(InvalidValue):
            leave(store, ledger, officers, Exit.RETURN, lines, reason=reason)
    assert (held(store), ledger.totals()) == ([two, double, unread], money)


def test_a_purchase_that_was_posted_with_its_bill_does_not_shut_out_its_journal(
    store: Store, ledger: Ledger, keys: MasterKeys, tmp_path: Path
) -> None:
    records = [purchase(n, keys) for n in range(4)]
    kinds = [("PURSE_FLOAT", AccountKind.PURSE_FLOAT), ("HOSPITAL_PAYABLE:H", AccountKind.HOSPITAL_PAYABLE)]
    ledger.open_accounts(kinds)
    posted = f"purchase:{TERMINALS[0]}:2"
    ledger.post(Transfer(posted, "PURSE_FLOAT", "HOSPITAL_PAYABLE:H", 102, "medical.settle", "2014-07-31T09:00:00"))
    report = clear_journal(store, ledger, journal(tmp_path, records), keys, on=ON)
    assert report.statuses == {ClearingStatus.CLEARED: 3, ClearingStatus.DUPLICATE: 1}
    assert [(one.line, one.amount_fen) for one in held(store)] == [(4, 102)]
    assert balance(ledger, "SUSPENSE") == 102


def test_a_purchase_posted_with_its_bill_meanwhile_stays_in_suspense(
    store: Store, ledger: Ledger, keys: MasterKeys, others: MasterKeys, tmp_path: Path
) -> None:
    path = journal(tmp_path, [purchase(n, keys) for n in (2, 4)])
    clear_journal(store, ledger, path, others, on=ON)
    ledger.open_accounts([("HOSPITAL_PAYABLE:H", AccountKind.HOSPITAL_PAYABLE)])
    posted = f"purchase:{TERMINALS[0]}:2"
    ledger.post(Transfer(posted, "PURSE_FLOAT", "HOSPITAL_PAYABLE:H", 102, "medical.settle", "2014-07-31T09:00:00"))
    again = clear_journal(store, ledger, path, keys, on=LATER, again="密钥有误")
    assert again.statuses == {ClearingStatus.DUPLICATE: 1, ClearingStatus.CLEARED: 1}
    assert [(one.amount_fen, one.status) for one in held(store)] == [(102, ClearingStatus.DUPLICATE)]
    assert (balance(ledger, "SUSPENSE"), merchants(ledger)) == (102, 104)


def test_purchases_of_a_closed_month_are_posted_on_the_day_of_clearing(
    store: Store, ledger: Ledger, keys: MasterKeys, others: MasterKeys, tmp_path: Path
) -> None:
    ledger.close_period("2014-07", at="2014-08-01T00:00:00")
    august = datetime(2014, 8, 1, 9)  # noqa: DTZ001
    path = journal(tmp_path, [purchase(1, keys), purchase(2, keys, at=august), purchase(3, others)])
    report = clear_journal(store, ledger, path, keys, on=LATER)
    assert report.statuses == {ClearingStatus.CLEARED: 2, ClearingStatus.TAC_MISMATCH: 1}
    with store.begin() as connection:
        rows = connection.execute(sa.select(schema.transfer.c.transfer_id, schema.transfer.c.at)).all()
    assert {name.split(":")[-1]: at[:10] for name, at in rows} == {
        "1": "2014-08-05",
        "2": "2014-08-01",
        "4": "2014-08-05",
    }
    again = clear_journal(store, ledger, path, others, on=LATER, again="密钥有误")
    assert again.statuses == {ClearingStatus.CLEARED: 1}


def test_what_an_older_release_had_put_in_suspense_can_leave_it(
    keys: MasterKeys, officers: Officers, tmp_path: Path
) -> None:
    """It kept no verdicts: they are made of its findings, and the journal gives the rest when it is read again."""
    url = f"sqlite:///{tmp_path}/old.sqlite"
    records = [purchase(n, keys) for n in (1, 2, 3)]
    path = journal(tmp_path, records)
    source = f"{digest(path)[:16]}:j.csv"
    found = "INSERT INTO finding (stage, code, source, line, field, severity, amount_fen, detail) VALUES "
    account = "INSERT INTO account (account_id, kind, debits_fen, credits_fen) VALUES"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        migrate.upgrade(connection, 0, 6)
        for text in (
            "INSERT INTO schema_version (version) VALUES (6)",
            f"{account} ('PURSE_FLOAT', 'purse_float', 306, 0)",
            f"{account} ('SUSPENSE', 'suspense', 0, 306)",
            f"{found} ('clearing', 'tac.mismatch', '{source}', 2, '', 2, 101, '')",
            f"{found} ('clearing', 'tac.mismatch', '{source}', 3, '', 2, 102, '')",
            f"{found} ('clearing', 'journal.malformed', '{source}', 4, '', 2, 103, '')",
            f"{found} ('clearing', 'journal.refused', 'other', 0, '', 2, 0, '')",
            f"{found} ('validation', 'tac.mismatch', '{source}', 9, '', 2, 1, '')",
            f"INSERT INTO offline_purchase VALUES ('{source}', 2, '{TERMINALS[1]}', 1, 'B00000019', 1, 101, "
            "'2014-07-31T09:01:00', 1)",
        ):
            connection.exec_driver_sql(text)
    engine.dispose()
    with Store.open(url) as store:
        ledger = Ledger(store)
        one, two, three = held(store)
        assert (one.terminal_no, one.amount_fen, one.status) == (TERMINALS[1], 101, ClearingStatus.TAC_MISMATCH)
        assert (two.terminal_no, three.status) == ("", ClearingStatus.MALFORMED)
        assert [(v.on, v.reason) for v in verdicts(store, source, 2)] == [(None, "")]
        assert leave(store, ledger, officers, Exit.RETURN, [three]) == 103
        again = clear_journal(store, ledger, path, keys, on=LATER, again="密钥有误")
        assert (again.cleared_fen, held(store)) == (203, [])
        assert (balance(ledger, "SUSPENSE"), merchants(ledger)) == (0, 203)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["right", "wrong", "again right", "again wrong", "release", "return"]),
        st.lists(st.integers(0, 7), min_size=1, max_size=5),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40)
@given(STEPS)
def test_money_is_conserved_whatever_is_checked_again_released_or_returned(
    steps: list[tuple[str, list[int], int]],
) -> None:
    """Each purchase is paid once at most, and what the table says is held lies in the account."""
    officers = Officers([Officer("li", "李"), Officer("wang", "王")], sessions=Sessions())
    with (
        MasterKeys.simulation(2014) as right,
        MasterKeys.simulation(1999) as wrong,
        Store.open("sqlite://") as store,
        TemporaryDirectory() as folder,
    ):
        ledger, claimed = Ledger(store), 0
        for place, (step, numbers, pick) in enumerate(steps):
            key = wrong if "wrong" in step else right
            if step in ("right", "wrong"):
                path = journal(Path(folder), [purchase(n, right) for n in numbers], f"{place}.csv")
                report = clear_journal(store, ledger, path, key, on=ON)
                claimed += 0 if report.repeated else report.cleared_fen + report.suspended_fen
            elif step.startswith("again"):
                for path in sorted(Path(folder).iterdir())[pick : pick + 1]:
                    clear_journal(store, ledger, path, key, on=LATER, again="重新核验")
            else:
                lines, money = held(store)[pick : pick + 2], ledger.totals()
                if lines:
                    try:
                        leave(store, ledger, officers, Exit(step), lines)
                    except SuspenseRefused:
                        assert ledger.totals() == money
            lying = held(store)
            assert balance(ledger, "SUSPENSE") == sum(one.amount_fen for one in lying)
            assert balance(ledger, "PURSE_FLOAT") == -balance(ledger, "SUSPENSE") - merchants(ledger)
            with store.begin() as connection:
                names = connection.execute(sa.select(schema.transfer.c.transfer_id)).scalars()
                paid = {name for name in names if name.startswith("purchase:")}
            assert merchants(ledger) == sum(100 + int(name.rpartition(":")[2]) for name in paid)
        assert ledger.recompute() == []
        returned = claimed + balance(ledger, "PURSE_FLOAT")
        assert returned >= 0


def test_an_old_journal_sent_again_months_later_pays_only_what_is_new(
    store: Store, ledger: Ledger, keys: MasterKeys, officers: Officers, tmp_path: Path
) -> None:
    """The same file under a new name, then the same lines with one more behind them, when the month is closed."""
    records = [purchase(n, keys) for n in range(5)]
    clear_journal(store, ledger, journal(tmp_path, records), keys, on=ON)
    ledger.close_period("2014-07", at="2014-08-02T00:00:00")
    paid = merchants(ledger)
    assert clear_journal(store, ledger, journal(tmp_path, records, "again.csv"), keys, on=LATER).repeated
    longer = journal(tmp_path, [*records, purchase(7, keys)], "longer.csv")
    report = clear_journal(store, ledger, longer, keys, on=LATER)
    assert report.statuses == {ClearingStatus.DUPLICATE: 5, ClearingStatus.CLEARED: 1}
    assert (merchants(ledger), balance(ledger, "SUSPENSE")) == (paid + 107, paid)
    assert leave(store, ledger, officers, Exit.RETURN, held(store), reason="重复报送") == paid
    assert balance(ledger, "PURSE_FLOAT") == -merchants(ledger)


def test_a_serial_number_that_a_terminal_uses_again_pays_both_purchases_each_once(
    store: Store, ledger: Ledger, keys: MasterKeys, officers: Officers, tmp_path: Path
) -> None:
    """The terminal was replaced or its counter began anew: another card, or the same one at another time."""
    first = purchase(1, keys)
    august = datetime(2014, 8, 4, 10)  # noqa: DTZ001
    other = purchase(1, keys, at=august, card_no="B00000029", factor=bytes(8), amount_fen=5000)
    later = purchase(1, keys, at=august)
    for name, records in (("a", [first]), ("b", [other, first]), ("c", [later]), ("d", [other])):
        clear_journal(store, ledger, journal(tmp_path, records, f"{name}.csv"), keys, on=LATER)
    new, copy, again, twice = sorted(held(store), key=lambda one: (one.source[-5:], one.line))
    assert {one.status for one in held(store)} == {ClearingStatus.DUPLICATE}
    assert [new.at, copy.at] == ["2014-08-04T10:00:00", "2014-07-31T09:01:00"]
    assert leave(store, ledger, officers, Exit.RELEASE, [new, again]) == 5000 + 101
    for paid in (copy, twice):
        with pytest.raises(SuspenseRefused, match="was paid before"):
            leave(store, ledger, officers, Exit.RELEASE, [paid])
    assert merchants(ledger) == 101 + 5000 + 101
    assert clear_journal(store, ledger, journal(tmp_path, [first, later], "e.csv"), keys, on=LATER).cleared == 0
    assert leave(store, ledger, officers, Exit.RETURN, [copy, twice]) == 101 + 5000
    assert ledger.recompute() == []


def test_a_purchase_that_a_clerk_decides_is_paid_under_a_serial_number_used_again(
    store: Store, ledger: Ledger, keys: MasterKeys, officers: Officers, tmp_path: Path
) -> None:
    """Of a cancelled card, and of a terminal whose clock runs ahead: each once; a forged record under it is not."""
    enrol(store, "B00000089", bytes(8).hex())
    move(store, "B00000089", "2014-07-30", to_state=2)
    august = datetime(2014, 8, 4, 10)  # noqa: DTZ001
    lost = purchase(1, keys, at=august, card_no="B00000089", factor=bytes(8), amount_fen=5000)
    ahead = purchase(1, keys, at=datetime(2034, 8, 5))  # noqa: DTZ001
    forged = dataclasses.replace(lost, tac=bytes(4))
    for name, records in (("a", [purchase(1, keys)]), ("b", [lost, ahead]), ("c", [lost, ahead, forged])):
        clear_journal(store, ledger, journal(tmp_path, records, f"{name}.csv"), keys, on=LATER)
    lines = held(store)
    first = next(one.source for one in lines if one.source.endswith("b.csv"))
    new = [one for one in lines if one.source == first]
    assert [one.status for one in new] == [ClearingStatus.NOT_ELIGIBLE, ClearingStatus.DATED_LATER]
    assert leave(store, ledger, officers, Exit.RELEASE, new) == 5000 + 101
    for paid in held(store):
        with pytest.raises(SuspenseRefused, match="was paid before"):
            leave(store, ledger, officers, Exit.RELEASE, [paid])
    assert (len(held(store)), merchants(ledger)) == (3, 101 + 5000 + 101)


def test_two_purchases_under_one_serial_number_leave_by_one_decision(
    store: Store, ledger: Ledger, keys: MasterKeys, officers: Officers, tmp_path: Path
) -> None:
    """Neither was paid before, and a copy of one does not pass with them."""
    enrol(store, "B00000089", bytes(8).hex())
    move(store, "B00000089", "2014-06-30", to_state=2)
    days = (datetime(2014, 7, 3, 10), datetime(2014, 8, 4, 10))  # noqa: DTZ001
    two = [purchase(1, keys, at=at, card_no="B00000089", factor=bytes(8), amount_fen=5000) for at in days]
    clear_journal(store, ledger, journal(tmp_path, [*two, two[1]]), keys, on=LATER)
    one, other, copy = held(store)
    with pytest.raises(SuspenseRefused, match=r"line 4 .* was paid before"):
        leave(store, ledger, officers, Exit.RELEASE, [one, other, copy])
    assert leave(store, ledger, officers, Exit.RELEASE, [other, one]) == merchants(ledger) == 10_000
    assert held(store) == [copy]


def test_a_released_record_holds_its_serial_number(
    store: Store, ledger: Ledger, keys: MasterKeys, officers: Officers, tmp_path: Path
) -> None:
    """Two damaged records under one number, and one under another: the one that is paid is kept, with all it names."""
    wrong = [purchase(n, keys, terminal_no=bytes.fromhex(TERMINALS[0]), terminal_txn_no=7) for n in (1, 2)]
    records = [dataclasses.replace(one, tac=bytes(4)) for one in (*wrong, purchase(4, keys))]
    clear_journal(store, ledger, journal(tmp_path, records), keys, on=ON)
    one, two, _ = held(store)
    with store.begin() as connection:
        kept = connection.execute(sa.select(schema.offline_purchase.c.line).order_by("line")).scalars().all()
    assert kept == [2, 4]  # of records with one number, none of them paid, the first
    leave(store, ledger, officers, Exit.RELEASE, [two])
    with pytest.raises(SuspenseRefused, match="was paid before"):  # it is no genuine purchase under a number used again
        leave(store, ledger, officers, Exit.RELEASE, [one])
    with store.begin() as connection:
        rows = connection.execute(sa.select(schema.offline_purchase).order_by(schema.offline_purchase.c.line)).all()
    assert [tuple(row) for row in rows] == [
        (two.source, 3, TERMINALS[0], 7, two.card_no, 2, 102, "2014-07-31T09:02:00", 0),
        (two.source, 4, TERMINALS[0], 4, "B00000049", 4, 104, "2014-07-31T09:04:00", 1),
    ]


def test_a_line_in_suspense_says_where_its_money_went(
    store: Store, ledger: Ledger, keys: MasterKeys, others: MasterKeys, officers: Officers, tmp_path: Path
) -> None:
    """Two journals: one checked again, of the other two lines left by decision and one still lies there."""
    other = journal(tmp_path, [purchase(n, keys) for n in (1, 2)], "k.csv")
    path = journal(tmp_path, [purchase(n, others) for n in (3, 4, 5)])
    source = clear_journal(store, ledger, path, keys, on=ON).source
    wrong = clear_journal(store, ledger, other, others, on=ON).source
    assert [one.source for one in held(store)] == sorted([source] * 3 + [wrong] * 2)
    assert [one.source for one in held(store, wrong)] == [wrong] * 2
    one, two, _ = held(store, source)
    leave(store, ledger, officers, Exit.RELEASE, [one])
    leave(store, ledger, officers, Exit.RETURN, [two])
    clear_journal(store, ledger, other, keys, on=LATER, again="密钥有误")
    table = schema.clearing_suspense.c
    with store.begin() as connection:
        rows = connection.execute(sa.select(table.source, table.line, table.state)).all()
    state = {(row.source, row.line): SuspenseState(row.state).name for row in rows}
    assert [state[source, line] for line in (2, 3, 4)] == ["RELEASED", "RETURNED", "HELD"]
    assert [state[wrong, line] for line in (2, 3)] == ["CLEARED", "CLEARED"]
    verdict = schema.clearing_verdict.c
    with store.begin() as connection:
        numbers = connection.execute(sa.select(verdict.line, verdict.number).where(verdict.source == source)).all()
    assert sorted(map(tuple, numbers)) == [(2, 1), (2, 2), (3, 1), (3, 2), (4, 1)]


def test_nothing_is_paid_from_suspense_into_a_closed_period(
    store: Store, ledger: Ledger, keys: MasterKeys, others: MasterKeys, tmp_path: Path
) -> None:
    path = journal(tmp_path, [purchase(n, keys) for n in (1, 2)])
    clear_journal(store, ledger, path, others, on=ON)
    ledger.close_period("2014-08", at="2014-09-01T00:00:00")
    lines, money = held(store), ledger.totals()
    with pytest.raises(ClearingRefused, match="PERIOD_CLOSED"):
        clear_journal(store, ledger, path, keys, on=LATER, again="密钥有误")
    assert (held(store), ledger.totals()) == (lines, money)
    assert clear_journal(store, ledger, path, keys, on=date(2014, 9, 2), again="密钥有误").cleared == 2


def test_a_terminal_whose_clock_runs_ahead_is_paid_once_its_day_has_come_or_by_decision(
    store: Store, ledger: Ledger, keys: MasterKeys, officers: Officers, tmp_path: Path
) -> None:
    """Of the day of clearing, of the day after, and of another year: nothing is posted into a period to come."""
    times = [datetime(2014, 8, 5, 23, 59, 59), datetime(2014, 8, 6), datetime(2034, 8, 5)]  # noqa: DTZ001
    path = journal(tmp_path, [purchase(n, keys, at=at) for n, at in enumerate(times, 1)])
    report = clear_journal(store, ledger, path, keys, on=LATER)
    assert report.statuses == {ClearingStatus.CLEARED: 1, ClearingStatus.DATED_LATER: 2}
    with store.begin() as connection:
        days = connection.execute(sa.select(sa.func.substr(schema.transfer.c.at, 1, 10))).scalars()
        assert set(days) == {"2014-08-05"}
    tomorrow = date(2014, 8, 6)
    again = clear_journal(store, ledger, path, keys, on=tomorrow, again="时钟偏快")
    assert again.statuses == {ClearingStatus.CLEARED: 1, ClearingStatus.DATED_LATER: 1}
    assert leave(store, ledger, officers, Exit.RELEASE, held(store), on=tomorrow) == 103
    assert (merchants(ledger), balance(ledger, "SUSPENSE")) == (101 + 102 + 103, 0)
    assert ledger.recompute() == []


@pytest.mark.parametrize("month", [1, 9, 10, 12])
def test_the_day_of_a_purchase_is_its_own_in_every_month(
    store: Store, ledger: Ledger, keys: MasterKeys, tmp_path: Path, month: int
) -> None:
    """Up to the day of clearing, and not the day after it."""
    records = [purchase(n, keys, at=datetime(2014, month, 30 + n, 12)) for n in (0, 1) if (month, n) != (9, 1)]  # noqa: DTZ001
    report = clear_journal(store, ledger, journal(tmp_path, records), keys, on=date(2014, month, 30))
    assert [report.cleared, report.suspended] == [1, len(records) - 1]


def test_the_finding_of_a_line_that_cannot_be_read_says_what_went_to_suspense(
    store: Store, ledger: Ledger, keys: MasterKeys, tmp_path: Path
) -> None:
    path = journal(tmp_path, [])
    with path.open("ab") as file:
        file.write(b",,,,,,1250,\n,,,,,,x,\n")
    clear_journal(store, ledger, path, keys, on=ON)
    with store.begin() as connection:
        details = connection.execute(sa.select(schema.finding.c.detail).order_by(schema.finding.c.line)).scalars().all()
    assert details == ["第2行格式错误,12.50元转入挂账", "第3行格式错误,金额不可读"]


def test_each_change_takes_the_posting_lock_before_it_reads(
    store: Store,
    ledger: Ledger,
    keys: MasterKeys,
    officers: Officers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []
    for module in (offline, suspense):
        real = module.lock_for_posting
        monkeypatch.setattr(
            module, "lock_for_posting", lambda connection, real=real: (seen.append("lock"), real(connection))
        )
    sa.event.listen(store.engine, "before_cursor_execute", lambda *_: seen.append("statement"))
    path = journal(tmp_path, [dataclasses.replace(purchase(1, keys), tac=bytes(4))])
    clear_journal(store, ledger, path, keys, on=ON)
    assert seen[0] == "lock"
    lines = held(store)
    seen.clear()
    leave(store, ledger, officers, Exit.RETURN, lines)
    assert seen[0] == "lock"


def test_the_genuine_record_holds_its_number_behind_a_damaged_one_of_the_same_journal(
    store: Store, ledger: Ledger, keys: MasterKeys, tmp_path: Path
) -> None:
    good = purchase(1, keys)
    damaged = dataclasses.replace(good, amount_fen=9, offline_no=7)
    report = clear_journal(store, ledger, journal(tmp_path, [damaged, good, damaged]), keys, on=ON)
    assert report.statuses == {ClearingStatus.TAC_MISMATCH: 2, ClearingStatus.CLEARED: 1}
    with store.begin() as connection:
        table = schema.offline_purchase.c
        row = connection.execute(sa.select(table.line, table.amount_fen, table.offline_no, table.status)).one()
    assert tuple(row) == (3, good.amount_fen, 1, 0)
    copy = clear_journal(store, ledger, journal(tmp_path, [good], "copy.csv"), keys, on=ON)
    assert copy.statuses == {ClearingStatus.DUPLICATE: 1}
