"""Journals made by cards of another hand: the TACs here are computed with pycryptodome, step by step."""

import dataclasses
import random
from collections import Counter
from datetime import date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from Crypto.Cipher import DES, DES3

from sbcard_core.clearing import ClearingStatus, JournalRefused, clear_journal, merchant_account, write_journal
from sbcard_core.clearing.journal import LINE_MAX_BYTES
from sbcard_core.clearing.offline import ClearingRefused
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.ledger import AccountKind, Bounds, Ledger
from sbcard_core.store import Store, schema
from tests.people import enrol

ON = date(2014, 8, 1)
TERMINALS = ("001122334455", "0011223344AB")


@dataclasses.dataclass(frozen=True)
class Record:
    terminal_no: bytes
    terminal_txn_no: int
    card_no: str
    factor: bytes
    city: str
    offline_no: int
    amount_fen: int
    type: int
    at: datetime
    key_version: int
    algorithm: int
    tac: bytes


def diversify(key: bytes, factor: bytes) -> bytes:
    cipher = DES3.new(key + key[:8], DES3.MODE_ECB)
    return cipher.encrypt(factor) + cipher.encrypt(bytes(byte ^ 0xFF for byte in factor))


def sign(record: Record, keys: MasterKeys) -> Record:
    master = keys.get(KeyUsage.DTK).material()
    dtk = diversify(diversify(master, record.city.encode() + b"sx"), record.factor)
    key = bytes(a ^ b for a, b in zip(dtk[:8], dtk[8:], strict=True))
    message = record.amount_fen.to_bytes(4) + record.type.to_bytes(1) + record.terminal_no
    message += record.terminal_txn_no.to_bytes(4) + bytes.fromhex(f"{record.at:%Y%m%d%H%M%S}") + b"\x80\0"
    mac = DES.new(key, DES.MODE_CBC, iv=bytes(8)).encrypt(message)[-8:-4]
    return dataclasses.replace(record, tac=mac)


def purchase(number: int, keys: MasterKeys, **changes: object) -> Record:
    record = Record(
        terminal_no=bytes.fromhex(TERMINALS[number % 2]),
        terminal_txn_no=number,
        card_no=f"B{number % 50:07d}9",
        factor=bytes([0x86, 0x49, 0x54, 0x26, 0, 2, number % 50, 0x41]),
        city=("430100", "430200")[number % 3 == 0],
        offline_no=number,
        amount_fen=100 + number,
        type=6,
        at=datetime(2014, 7, 31, 9, number % 60),  # noqa: DTZ001 (a terminal knows local time only)
        key_version=1,
        algorithm=0,
        tac=b"",
    )
    return sign(dataclasses.replace(record, **changes), keys)  # type: ignore[arg-type]


def balance(ledger: Ledger, *names: str) -> int:
    return sum(balance.net_fen for balance in ledger.balances(names).values())


def findings(store: Store) -> list[tuple[str, int, int]]:
    with store.begin() as connection:
        rows = connection.execute(
            sa.select(schema.finding.c.code, schema.finding.c.line, schema.finding.c.amount_fen).order_by("finding_id")
        )
        return [tuple(row) for row in rows]


def test_good_records_pay_their_merchants(store: Store, ledger: Ledger, keys: MasterKeys, tmp_path: Path) -> None:
    records = [purchase(number, keys) for number in range(200)]
    assert write_journal(tmp_path / "j.csv", records) == 200
    report = clear_journal(store, ledger, tmp_path / "j.csv", keys, on=ON)
    total = sum(record.amount_fen for record in records)
    assert (report.lines, report.cleared, report.cleared_fen, report.suspended_fen) == (200, 200, total, 0)
    for terminal in TERMINALS:
        owed = sum(r.amount_fen for r in records if r.terminal_no.hex().upper() == terminal)
        assert balance(ledger, merchant_account(terminal)) == owed
    assert balance(ledger, "PURSE_FLOAT") == -total
    assert ledger.recompute() == []


def test_every_fault_goes_to_suspense_with_its_own_reason(
    store: Store, ledger: Ledger, keys: MasterKeys, tmp_path: Path
) -> None:
    good = purchase(1, keys)
    records = [
        good,
        good,
        dataclasses.replace(purchase(2, keys), amount_fen=1_000_000),
        dataclasses.replace(purchase(3, keys), city="430300"),
        purchase(4, keys, algorithm=3),
        dataclasses.replace(purchase(5, keys), card_no="B0000007!"),
        dataclasses.replace(purchase(6, keys), amount_fen=0),
        purchase(1, keys, amount_fen=5),
    ]
    write_journal(tmp_path / "j.csv", records)
    with (tmp_path / "j.csv").open("ab") as file:
        file.write(b"\xff\xfe,,\n\n" + b"9" * (3 * LINE_MAX_BYTES) + b"\n")
    report = clear_journal(store, ledger, tmp_path / "j.csv", keys, on=ON)
    assert findings(store) == [
        ("journal.duplicate", 3, good.amount_fen),
        ("tac.mismatch", 4, 1_000_000),
        ("tac.mismatch", 5, 103),
        ("journal.unsupported", 6, 104),
        ("journal.malformed", 7, 105),
        ("journal.malformed", 8, 0),
        ("journal.duplicate", 9, 5),
        ("journal.malformed", 10, 0),
        ("journal.malformed", 11, 0),
        ("journal.malformed", 12, 0),
    ]
    held = sum(fen for _, _, fen in findings(store))
    assert (report.lines, report.cleared, report.cleared_fen, report.suspended_fen) == (11, 1, good.amount_fen, held)
    assert (balance(ledger, "SUSPENSE"), balance(ledger, "PURSE_FLOAT")) == (held, -held - good.amount_fen)


def test_the_same_contents_again_do_nothing_under_any_name(
    store: Store, ledger: Ledger, keys: MasterKeys, tmp_path: Path
) -> None:
    records = [purchase(number, keys) for number in range(10)]
    records[4] = dataclasses.replace(records[4], tac=bytes(4))
    for name, part in (("a.csv", records), ("b.csv", records), ("bad.csv", []), ("bad2.csv", [])):
        write_journal(tmp_path / name, part)
        if not part:
            (tmp_path / name).write_text((tmp_path / name).read_text() + "only,rubbish\n")
    first = clear_journal(store, ledger, tmp_path / "a.csv", keys, on=ON)
    before = (ledger.totals(), findings(store))
    second = clear_journal(store, ledger, tmp_path / "b.csv", keys, on=ON)
    assert (first.repeated, second.repeated, second.lines) == (False, True, 0)
    assert (ledger.totals(), findings(store)) == before
    assert not clear_journal(store, ledger, tmp_path / "bad.csv", keys, on=ON).repeated
    assert clear_journal(store, ledger, tmp_path / "bad2.csv", keys, on=ON).repeated


def test_a_damaged_record_does_not_shut_out_the_real_one(
    store: Store, ledger: Ledger, keys: MasterKeys, tmp_path: Path
) -> None:
    good = purchase(7, keys)
    write_journal(tmp_path / "damaged.csv", [dataclasses.replace(good, tac=bytes(4))])
    write_journal(tmp_path / "good.csv", [good])
    clear_journal(store, ledger, tmp_path / "damaged.csv", keys, on=ON)
    assert clear_journal(store, ledger, tmp_path / "good.csv", keys, on=ON).cleared == 1
    with store.begin() as connection:
        ((source, status),) = connection.execute(sa.text("SELECT source, status FROM offline_purchase")).all()
    assert source.endswith(":good.csv")
    assert status == 0


def test_a_card_we_know_is_held_against_its_factor(
    store: Store, ledger: Ledger, keys: MasterKeys, tmp_path: Path
) -> None:
    own = purchase(8, keys)
    stranger = purchase(9, keys, card_no=own.card_no)  # genuine TAC, another card's number
    enrol(store, own.card_no, own.factor.hex())
    write_journal(tmp_path / "j.csv", [own, stranger])
    report = clear_journal(store, ledger, tmp_path / "j.csv", keys, on=ON)
    assert report.statuses == {ClearingStatus.CLEARED: 1, ClearingStatus.FACTOR_MISMATCH: 1}


def test_lines_are_conserved_whatever_happens_to_them(
    store: Store, ledger: Ledger, keys: MasterKeys, tmp_path: Path
) -> None:
    """Random damage over several files: each line cleared or suspended once, each fen in one account."""
    chance = random.Random(237)
    cleared_slots: Counter[tuple[str, str]] = Counter()
    claimed = 0
    for number in range(6):
        path = tmp_path / f"{number}.csv"
        write_journal(path, [purchase(chance.randrange(60), keys) for _ in range(40)])
        lines = path.read_bytes().splitlines(keepends=True)
        for index in chance.sample(range(1, len(lines)), 10):
            place = chance.randrange(len(lines[index]) - 1)
            lines[index] = lines[index][:place] + bytes([chance.randrange(256)]) + lines[index][place + 1 :]
        path.write_bytes(b"".join(lines))
        report = clear_journal(store, ledger, path, keys, on=ON)
        assert report.cleared + report.suspended == report.lines
        claimed += report.cleared_fen + report.suspended_fen
    with store.begin() as connection:
        posted = connection.execute(sa.text("SELECT debit_account, transfer_id FROM transfer")).all()
        cleared_slots.update(connection.execute(sa.text("SELECT terminal_no, terminal_txn_no FROM offline_purchase")))
    assert set(cleared_slots.values()) == {1}
    assert {debit for debit, _ in posted} == {"PURSE_FLOAT"}
    assert balance(ledger, "PURSE_FLOAT") == -claimed
    assert ledger.recompute() == []


def test_a_refusal_of_the_ledger_leaves_nothing_behind(store: Store, keys: MasterKeys, tmp_path: Path) -> None:
    strict = Ledger(store, bounds={AccountKind.PURSE_FLOAT: Bounds(floor_fen=-100)})
    write_journal(tmp_path / "j.csv", [purchase(0, keys), purchase(1, keys)])
    with pytest.raises(ClearingRefused, match="INSUFFICIENT"):
        clear_journal(store, strict, tmp_path / "j.csv", keys, on=ON)
    assert strict.totals() == (0, 0)
    assert not clear_journal(store, Ledger(store), tmp_path / "j.csv", keys, on=ON).repeated


@pytest.mark.parametrize("content", [b"", b"card_no,tac\n", b"\x00" * 2000])
def test_another_file_is_refused(
    store: Store, ledger: Ledger, keys: MasterKeys, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "j.csv").write_bytes(content)
    with pytest.raises(JournalRefused):
        clear_journal(store, ledger, tmp_path / "j.csv", keys, on=ON)


def test_algorithms_0_and_1_are_checked_and_others_wait(
    store: Store, ledger: Ledger, keys: MasterKeys, tmp_path: Path
) -> None:
    write_journal(tmp_path / "j.csv", [purchase(n, keys, algorithm=n) for n in range(5)])
    report = clear_journal(store, ledger, tmp_path / "j.csv", keys, on=ON)
    assert report.statuses == {ClearingStatus.CLEARED: 2, ClearingStatus.UNSUPPORTED: 3}
    assert [line for _, line, _ in findings(store)] == [4, 5, 6]
