"""People with live cards, a funded ledger, and a bank that answers payout files."""

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from sbcard_core.hosts import bankfile
from sbcard_core.ledger import Ledger
from sbcard_core.payout import SUSPENSE, LineState, PayoutEngine, RollLine
from sbcard_core.payout.lines import payable_account
from sbcard_core.store import Store, insert_many, schema
from sbcard_core.values import CardState

PERIOD, DAY = "2014-07", date(2014, 8, 1)
OFFICERS = {"approved_by": ("李审核", "王复核"), "notice_over": True}
PERSON = (
    *("person_id", "id_number", "name", "sex", "ethnicity", "birth", "phone", "category", "city", "county", "bank"),
    *("form_no", "submitted_on", "source_file", "source_line"),
)
CARD = (
    *("card_no", "identification_code", "person_id", "order_no", "order_line", "factor", "bank", "account_no"),
    *("made_on", "issued_on", "app_state", "account_state"),
)


class Town:
    """One database with people ``1…n``; person ``n`` gets ``1000 + n`` fen."""

    officers = OFFICERS

    def __init__(self, store: Store, folder: Path, people: int, max_lines: int = 5000) -> None:
        self.store, self.folder, self.ledger = store, folder, Ledger(store)
        self.engine = PayoutEngine(store, self.ledger, max_lines=max_lines)
        day = "2014-07-31"
        with store.begin() as connection:
            columns = ("order_no", "city", "ordered_on", "cards", "made")
            insert_many(connection, schema.production_order, columns, [("O1", "430100", day, people, people)])
            for n in range(1, people + 1):
                who = (n, self.number(n), f"甲{n}", "1", "01", "1950-01-01", "", 4, "430100", "430102", self.bank(n))
                insert_many(connection, schema.person, PERSON, [(*who, f"F{n}", day, "c.csv", n)])
                self.give_card(connection, n, f"A{n:08d}")

    @staticmethod
    def number(n: int) -> str:
        return f"4301021950010{n:05d}"

    @staticmethod
    def bank(n: int) -> str:
        return "103" if n % 3 else "402"

    @staticmethod
    def account(n: int) -> str:
        return f"62284800{n:011d}"

    def give_card(self, connection: sa.Connection, n: int, card_no: str, state: CardState = CardState.NORMAL) -> None:
        normal, day = int(CardState.NORMAL), "2014-07-31"
        made = (card_no, card_no.rjust(32, "0"), n, "O1", n, "00" * 8, self.bank(n), self.account(n), day, day)
        insert_many(connection, schema.card, CARD, [(*made, normal, int(state))])

    def set_card(self, n: int, **values: object) -> None:
        with self.store.begin() as connection:
            connection.execute(sa.update(schema.card).where(schema.card.c.person_id == n).values(**values))

    def roll(self, numbers: Iterable[int]) -> list[RollLine]:
        return [RollLine(self.number(n), f"甲{n}", 1000 + n) for n in numbers]

    def pay(self, numbers: Iterable[int], programme: str = "pension") -> list[str]:
        return self.engine.pay(programme, PERIOD, self.roll(numbers), on=DAY, out_dir=self.folder, **OFFICERS)

    def request(self, batch_no: str) -> bankfile.BankFile:
        return bankfile.read(self.folder / f"PAYREQ_{batch_no}.txt", bankfile.PAYOUT_REQUEST)

    def answer(self, batch_no: str, fail: Iterable[int] = (), drop: Iterable[int] = (), name: str = "RES.txt") -> Path:
        """The bank's result file: all paid but the numbers in ``fail``, without the lines in ``drop``."""
        asked, fail, drop, rows = self.request(batch_no), set(fail), set(drop), []
        for seq, account, _, _, amount, _ in asked.rows:
            good = int(seq) not in fail
            if int(seq) not in drop:
                rows.append((seq, account, amount, "00" if good else "14", "" if good else "户名不符"))
        sums = {kind: [row for row in rows if (row[3] == "00") is (kind == "paid")] for kind in ("paid", "returned")}
        trailer: dict[str, int] = {}
        for kind, of_kind in sums.items():
            trailer |= {kind: len(of_kind), f"{kind}_fen": sum(int(row[2]) for row in of_kind)}
        header = {"batch_no": batch_no, "bank": asked.header["bank"], "date": "20140802"}
        path = self.folder / name
        bankfile.write(path, bankfile.PAYOUT_RESULT, header, rows, trailer)
        return path

    def states(self) -> dict[LineState, int]:
        """Amounts by state of all lines."""
        line = schema.payout_line.c
        query = sa.select(line.state, sa.func.sum(line.amount_fen)).group_by(line.state)
        with self.store.begin() as connection:
            return {LineState(state): int(amount) for state, amount in connection.execute(query)}

    def findings(self) -> list[tuple[str, int]]:
        found = schema.finding.c
        with self.store.begin() as connection:
            rows = connection.execute(sa.select(found.code, found.amount_fen).order_by(found.finding_id))
            return [tuple(row) for row in rows]

    def check_books(self) -> None:
        """The ledger says what the lines say, to the fen."""
        line, states = schema.payout_line.c, self.states()
        assert self.ledger.recompute() == []
        debits, credits = self.ledger.totals()
        assert debits == credits
        waiting = sa.select(line.batch_no, sa.func.sum(line.amount_fen)).group_by(line.batch_no)
        open_ = waiting.where(line.state.in_([int(LineState.SENT), int(LineState.RETURNED)]))
        with self.store.begin() as connection:
            batches = list(connection.execute(sa.select(schema.payout_batch.c.batch_no)).scalars())
            blocked = {batch: int(amount) for batch, amount in connection.execute(open_)}
        for batch in batches:
            assert self.ledger.balance(payable_account(batch)).net_fen == blocked.get(batch, 0)
        assert self.net(SUSPENSE) == states.get(LineState.UNKNOWN, 0)
        assert self.net("BANK_CLEARING:103") + self.net("BANK_CLEARING:402") == states.get(LineState.PAID, 0)

    def net(self, account: str) -> int:
        found = self.ledger.balances([account])
        return found[account].net_fen if found else 0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path}/payout.sqlite") as store:
        yield store


@pytest.fixture
def town(store: Store, tmp_path: Path) -> Town:
    return Town(store, tmp_path, 8)


@pytest.fixture
def new_town() -> type[Town]:
    """The class, for tests that need a town per example."""
    return Town
