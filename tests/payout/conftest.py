"""People with live cards, a funded ledger, and a bank that answers payout files."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from sbcard_core.hosts import bankfile
from sbcard_core.ledger import AccountKind, Ledger, Transfer
from sbcard_core.officers import Act, InSession, Officer, Officers
from sbcard_core.payout import PROGRAMMES, SUSPENSE, LineState, PayoutEngine, RollLine
from sbcard_core.payout.lines import payable_account
from sbcard_core.store import Store, insert_many, schema
from sbcard_core.values import CardState

PERIOD, DAY = "2014-07", date(2014, 8, 1)


class Sessions:
    """A bureau whose sessions are true where the proof is the officer's own."""

    def confirms(self, officer: str, act: Act, proof: bytes) -> bool:
        return proof == officer.encode()


def by(officer: str) -> InSession:
    """An officer in an authenticated session."""
    return InSession(officer, officer.encode())


REGISTERED = Officers(
    [Officer(one, one) for one in ("a", "b", "d", "draft", "li", "wang", "zhang")], sessions=Sessions()
)
TWO = {"approved_by": (by("li"), by("wang"))}
OFFICERS = {"by": "zhang", "approved_by": (by("li"), by("wang")), "notice_over": True}


class Bureau(PayoutEngine):
    """The engine of a place where two officers approve what is done beside rolls, unless a test names others."""

    def suspend(self, *arguments: Any, **options: Any) -> Any:
        return super().suspend(*arguments, **{**TWO, **options})

    def resume(self, *arguments: Any, **options: Any) -> Any:
        return super().resume(*arguments, **{"on": DAY, **TWO, **options})

    def tell(self, *arguments: Any, **options: Any) -> Any:
        return super().tell(*arguments, **{**TWO, **options})

    def death(self, *arguments: Any, **options: Any) -> Any:
        return super().death(*arguments, **{**TWO, **options})

    def withdraw_death(self, *arguments: Any, **options: Any) -> Any:
        return super().withdraw_death(*arguments, **{**TWO, **options})

    def recover(self, *arguments: Any, **options: Any) -> Any:
        return super().recover(*arguments, **{**TWO, **options})

    def cancel_returned(self, *arguments: Any, **options: Any) -> Any:
        return super().cancel_returned(*arguments, **{**TWO, **options})

    def reinstate_returned(self, *arguments: Any, **options: Any) -> Any:
        return super().reinstate_returned(*arguments, **{**TWO, **options})


PERSON = (
    *("person_id", "id_number", "name", "sex", "ethnicity", "birth", "phone", "category", "city", "county", "bank"),
    *("form_no", "submitted_on", "source_file", "source_line"),
)
CARD = (
    *("card_no", "identification_code", "person_id", "order_no", "order_line", "factor", "bank", "account_no"),
    *("made_on", "issued_on", "app_state", "account_state"),
)


Row = tuple[str, ...]


class ChaosBank:
    """A bank that loses files, is late, answers twice, out of order, in part, wrongly, and for lines it never got.

    It has a book of its own: what it credited to which account. It executes a batch once, whatever it is sent again.
    One bank for all codes. ``chaos`` = 0 answers plainly; ``returned`` is the share of lines it cannot credit.
    """

    def __init__(self, seed: int, folder: Path, *, chaos: float = 0.3, returned: float = 0.03) -> None:
        self.rng, self.folder, self.chaos, self.returned = Random(seed), folder, chaos, returned
        self.book: Counter[str] = Counter()
        self.credits = 0
        self.done: dict[str, tuple[Path, set[str]]] = {}  # batch: what it was asked, which lines it could not credit
        self.outbox: list[Path] = []
        self.delivered: list[Path] = []
        self.did: Counter[str] = Counter()

    def _now(self, what: str) -> bool:
        happens = self.rng.random() < self.chaos
        self.did[what] += happens
        return happens

    def receive(self, path: Path) -> None:
        """A request file arrives, or does not."""
        if self._now("request lost"):
            return
        request = bankfile.read(path, bankfile.PAYOUT_REQUEST)
        batch_no = request.header["batch_no"]
        if batch_no in self.done:
            self._answer(batch_no)
            return
        assert int(request.header["total_fen"]) == sum(int(row[4]) for row in request.rows)
        back = set()
        for seq, account, _, _, amount, _ in request.rows:
            if self.rng.random() < self.returned:
                back.add(seq)
            else:
                self.book[account] += int(amount)
                self.credits += 1
        self.done[batch_no] = path, back
        self._answer(batch_no)

    def _truth(self, batch_no: str) -> list[Row]:
        """What it did with the lines of a batch."""
        path, back = self.done[batch_no]
        rows = bankfile.read(path, bankfile.PAYOUT_REQUEST).rows
        return [(row[0], row[1], row[4], *(("21", "户名不符") if row[0] in back else ("00", ""))) for row in rows]

    def _answer(self, batch_no: str) -> None:
        if self._now("answer lost"):
            return
        rows = self._truth(batch_no)
        if self._now("wrong totals"):
            self._write(batch_no, rows, off=1)
        if self._now("reordered"):
            self.rng.shuffle(rows)
        if self._now("line never sent"):
            rows.append((str(len(rows) + 7), "6228000000000000000", "100", "00", ""))
        if self._now("partial"):
            rows = [row for row in rows if self.rng.random() < 0.9]
        path = self._write(batch_no, rows)
        if self._now("twice"):
            self.outbox.append(path)
        if self._now("for another batch"):
            self._write(batch_no + "9", rows)

    def inquiry(self, path: Path) -> None:
        """Asked about lines, it says what it did with them, or with some; about batches it never got, nothing."""
        asked = bankfile.read(path, bankfile.PAYOUT_INQUIRY)
        batch_no = asked.header["batch_no"]
        if batch_no not in self.done or self._now("inquiry lost"):
            return
        wanted = {row[0] for row in asked.rows}
        rows = [row for row in self._truth(batch_no) if row[0] in wanted]
        if self._now("confirmed in part"):
            rows = rows[: len(rows) // 2]
        self._write(batch_no, rows, bankfile.PAYOUT_CONFIRMATION)

    def _write(
        self, batch_no: str, rows: list[Row], spec: bankfile.FileSpec = bankfile.PAYOUT_RESULT, off: int = 0
    ) -> Path:
        paid = [int(row[2]) for row in rows if row[3] == "00"]
        back = [int(row[2]) for row in rows if row[3] != "00"]
        totals = {"paid": len(paid), "paid_fen": sum(paid) + off, "returned": len(back), "returned_fen": sum(back)}
        header = {"batch_no": batch_no, "bank": batch_no.split("-")[-2], "date": "20140815"}
        path = self.folder / f"{spec.kind}_{len(self.outbox)}_{len(self.delivered)}_{batch_no}.txt"
        bankfile.write(path, spec, header, rows, totals)
        self.outbox.append(path)
        return path

    def post(self) -> list[Path]:
        """The answers that arrive now; late ones stay for a later day."""
        self.rng.shuffle(self.outbox)
        late = [path for path in self.outbox if self._now("late")]
        now = [path for path in self.outbox if path not in late]
        self.outbox = late
        self.delivered += now
        return now


class Town:
    """One database with people ``1…n``; person ``n`` gets ``1000 + n`` fen."""

    officers = OFFICERS
    registered = REGISTERED
    by = staticmethod(by)

    def __init__(self, store: Store, folder: Path, people: int, max_lines: int = 5000, **options: Any) -> None:
        self.store, self.folder, self.ledger = store, folder, Ledger(store)
        self.engine = Bureau(store, self.ledger, max_lines=max_lines, **{"officers": REGISTERED, **options})
        day = "2014-07-31"
        if not people:
            return
        with store.begin() as connection:
            columns = ("order_no", "city", "ordered_on", "cards", "made")
            insert_many(connection, schema.production_order, columns, [("O1", "430100", day, people, people)])
            for first in range(1, people + 1, 10_000):
                some = range(first, min(first + 10_000, people + 1))
                who = ((n, self.number(n), f"甲{n}", "1", "01", "1950-01-01", "", 4, "430100", "430102") for n in some)
                rows = ((*row, self.bank(row[0]), f"F{row[0]}", day, "c.csv", row[0]) for row in who)
                insert_many(connection, schema.person, PERSON, rows)
                insert_many(connection, schema.card, CARD, (self.card(n, f"A{n:08d}") for n in some))

    @staticmethod
    def number(n: int) -> str:
        return f"43010219500{n:07d}"

    @staticmethod
    def bank(n: int) -> str:
        return "103" if n % 3 else "402"

    @staticmethod
    def account(n: int) -> str:
        return f"62284800{n:011d}"

    def card(self, n: int, card_no: str, state: CardState = CardState.NORMAL) -> tuple[object, ...]:
        normal, day = int(CardState.NORMAL), "2014-07-31"
        made = (card_no, card_no.rjust(32, "0"), n, "O1", n, "00" * 8, self.bank(n), self.account(n), day, day)
        return (*made, normal, int(state))

    def give_card(self, connection: sa.Connection, n: int, card_no: str) -> None:
        insert_many(connection, schema.card, CARD, [self.card(n, card_no)])

    def set_card(self, n: int, **values: object) -> None:
        with self.store.begin() as connection:
            connection.execute(sa.update(schema.card).where(schema.card.c.person_id == n).values(**values))

    def roll(self, numbers: Iterable[int]) -> list[RollLine]:
        return [RollLine(self.number(n), f"甲{n}", 1000 + n) for n in numbers]

    def pay(self, numbers: Iterable[int], programme: str = "pension") -> list[str]:
        if programme in PROGRAMMES:
            self.fund(100_000, PROGRAMMES[programme].fund_account)
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
        path.unlink(missing_ok=True)
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

    def fund(self, fen: int, account: str = "PENSION_FUND") -> None:
        """The treasury gives a programme its money."""
        kind = AccountKind.PENSION_FUND if account == "PENSION_FUND" else AccountKind.FISCAL_PROGRAMME
        self.ledger.open_accounts([("EXTERNAL:treasury", AccountKind.EXTERNAL), (account, kind)])
        move = Transfer(f"fund:{account}", "EXTERNAL:treasury", account, fen, "fund", "2014-07-01T00:00:00")
        self.ledger.post(move)

    def ready(self, numbers: Iterable[int], programme: str = "pension", period: str = PERIOD) -> str:
        """A roll drafted and approved by two officers; its number."""
        lines = (line for n in numbers for line in self.roll([n]))
        roll = self.engine.draft(programme, period, lines, on=DAY, by="zhang")
        for officer in OFFICERS["approved_by"]:
            self.engine.approve(roll.roll_no, officer, roll.digest, on=DAY)
        return roll.roll_no

    def sent(self, numbers: Iterable[int], period: str = PERIOD, programme: str = "pension") -> list[str]:
        """A roll drafted, approved and released; its batches."""
        return self.engine.release(self.ready(numbers, programme, period), on=DAY, out_dir=self.folder)

    def paid(
        self, numbers: Iterable[int], period: str = PERIOD, programme: str = "pension", **answer: Any
    ) -> list[str]:
        """A roll through to its answers; its batches."""
        batches = self.sent(numbers, period, programme)
        for batch in batches:
            self.engine.read_result(self.answer(batch, name=f"{batch}.txt", **answer), on=DAY)
        return batches

    def everything(self) -> dict[str, tuple[int, int]]:
        """Every row of every payout and ledger table: how many, and the sum of their hashes; never held at once."""
        names = [name for name in schema.metadata.tables if name.startswith("payout")]
        found = {}
        with self.store.begin() as connection:
            for name in (*names, "transfer", "account", "finding"):
                rows = connection.execution_options(yield_per=5000).execute(sa.text(f"SELECT * FROM {name}"))
                count = total = 0
                for row in rows:
                    count += 1
                    total += int.from_bytes(blake2b(repr(tuple(row)).encode(), digest_size=12).digest())
                found[name] = count, total
        return found

    def net(self, account: str) -> int:
        found = self.ledger.balances([account])
        return found[account].net_fen if found else 0


@pytest.fixture
def town(store: Store, tmp_path: Path) -> Town:
    return Town(store, tmp_path, 8)


@pytest.fixture
def quick_town(tmp_path: Path) -> Iterator[Town]:
    """On SQLite alone, for what is decided before a database is asked."""
    with Store.open(f"sqlite:///{tmp_path}/quick.sqlite") as store:
        yield Town(store, tmp_path, 8)


@pytest.fixture
def new_town() -> type[Town]:
    """The class, for tests that need a town per example."""
    return Town


@pytest.fixture
def chaos_bank() -> type[ChaosBank]:
    """The bank nobody wants."""
    return ChaosBank
