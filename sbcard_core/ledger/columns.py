"""Bulk posting: proves for a whole chunk at once that every transfer of it passes; else the rules judge one by one.

Nothing here decides against a transfer. A chunk is posted as it stands where each of its ids is new, each field can be
stored, and the running balance of every account stays within its bounds at every transfer, in order. What is not
proved goes to ``posting.judge``, which alone knows the statuses.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import Any, Final

from sbcard_core.errors import InvalidValue
from sbcard_core.ledger.accounts import ID_MAX_LENGTH
from sbcard_core.ledger.posting import AccountState, Page, is_closed
from sbcard_core.ledger.transfers import Transfer, is_storable, is_timestamp
from sbcard_core.values import FEN_MAX

_NUMPY: Any = None


def _np() -> Any:
    global _NUMPY  # noqa: PLW0603 - imported with the first bulk posting, not with the room
    if _NUMPY is None:
        import numpy  # noqa: PLC0415

        _NUMPY = numpy
    return _NUMPY


@dataclass(frozen=True, slots=True)
class Columns:
    """Plain transfers by column; ``codes``, ``ats`` and ``memos`` may be one text for all."""

    ids: Sequence[str]
    debits: Sequence[str]
    credits: Sequence[str]
    amounts_fen: Sequence[int]
    codes: Sequence[str] | str
    ats: Sequence[str] | str
    memos: Sequence[str] | str = ""

    @classmethod
    def of(cls, transfers: Sequence[Transfer]) -> "Columns | None":
        """The columns of plain transfers; None where one is not plain."""
        if any(t.flags != 0 or t.pending_id != "" or t.timeout_s != 0 for t in transfers):
            return None
        return cls(
            [t.transfer_id for t in transfers],
            [t.debit_account for t in transfers],
            [t.credit_account for t in transfers],
            [t.amount_fen for t in transfers],
            [t.code for t in transfers],
            [t.at for t in transfers],
            [t.memo for t in transfers],
        )

    @classmethod
    def given(cls, *columns: Any) -> "Columns":
        """The caller's columns: lists, Arrow arrays (``to_pylist``) or numpy arrays (``tolist``).

        Raises:
            InvalidValue: columns of different lengths, or one text where a column is wanted.
        """
        names = ("ids", "debits", "credits", "amounts", "code", "at", "memo")
        for name, column in zip(names[:4], columns, strict=False):
            if isinstance(column, str):
                raise _no_columns(f"{name} is one text", "give a list with one value for each transfer")
        lists = [_as_list(column) for column in columns]
        if len({len(column) for column in lists if not isinstance(column, str)}) != 1:
            told = ", ".join(f"{n} {len(c)}" for n, c in zip(names, lists, strict=True) if not isinstance(c, str))
            advice = "give each column one value for each transfer; code, at and memo may be one text for all"
            raise _no_columns(f"columns of different lengths: {told}", advice)
        return cls(*lists)

    def slices(self, size: int) -> Iterator["Columns"]:
        """The same in pieces."""
        columns = (self.ids, self.debits, self.credits, self.amounts_fen, self.codes, self.ats, self.memos)
        for at in range(0, len(self.ids), size):
            yield Columns(*(c if isinstance(c, str) else c[at : at + size] for c in columns))  # type: ignore[arg-type]

    def transfers(self) -> list[Transfer]:
        """The same as transfers."""
        columns = (self.ids, self.debits, self.credits, self.amounts_fen, *self._texts())
        return [Transfer(*row) for row in zip(*columns, strict=False)]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The same as stored rows."""
        return zip(
            self.ids, self.debits, self.credits, self.amounts_fen, *self._texts(), repeat(0), repeat(""), repeat(0),
            strict=False,
        )  # fmt: skip

    def _texts(self) -> list[Any]:
        return [repeat(c) if isinstance(c, str) else c for c in (self.codes, self.ats, self.memos)]


def _no_columns(what: str, advice: str) -> InvalidValue:
    return InvalidValue(what, step="ledger.post_columns", term="列", advice=advice)


def _as_list(column: Any) -> Any:
    for name in ("to_pylist", "tolist"):
        if hasattr(column, name):
            return getattr(column, name)()
    return column if isinstance(column, str | list) else list(column)


def fields_pass(columns: Columns, page: Page) -> bool:
    """Whether all fields can be stored, and no time lies in a closed period."""
    ids, texts = columns.ids, (columns.codes, columns.ats, columns.memos)
    codes, ats, memos = ({c} if isinstance(c, str) else _texts_of(c) for c in texts)
    if codes is None or ats is None or memos is None:
        return False
    if set(map(type, ids)) != {str} or set(map(type, columns.amounts_fen)) != {int}:
        return False
    lengths = set(map(len, ids))
    return (
        min(lengths) > 0
        and max(lengths) <= ID_MAX_LENGTH
        and is_storable("".join(ids))
        and "" not in codes
        and is_storable("".join(codes | memos))
        and all(is_timestamp(at) and not is_closed(at, page.closed_periods) for at in ats)
    )


def _texts_of(column: Sequence[str]) -> set[str] | None:
    return set(column) if set(map(type, column)) == {str} else None


def move_while_passing(columns: Columns, page: Page) -> int:
    """Move the amounts of a small chunk one by one; how many passed before the first that does not."""
    accounts = page.accounts
    passed = 0
    for debit_name, credit_name, fen in zip(columns.debits, columns.credits, columns.amounts_fen, strict=False):
        debit, credit = accounts.get(debit_name), accounts.get(credit_name)
        if debit is None or credit is None or debit is credit or fen <= 0:
            return passed
        gone, come = debit.debits_fen + fen, credit.credits_fen + fen
        out, into = gone + debit.debits_pending_fen, come + credit.credits_pending_fen
        floor_fen, ceiling_fen = debit.bounds.floor_fen, credit.bounds.ceiling_fen
        if (
            out > FEN_MAX
            or into > FEN_MAX
            or (floor_fen is not None and debit.credits_fen - out < floor_fen)
            or (ceiling_fen is not None and into - credit.debits_fen > ceiling_fen)
        ):
            return passed
        debit.debits_fen, credit.credits_fen = gone, come
        debit.touched = credit.touched = True
        passed += 1
    return passed


def take_back(columns: Columns, page: Page, count: int) -> None:
    """Undo ``move_while_passing``."""
    for at in range(count):
        page.accounts[columns.debits[at]].debits_fen -= columns.amounts_fen[at]
        page.accounts[columns.credits[at]].credits_fen -= columns.amounts_fen[at]


_SAFE: Final = 1 << 62


Sums = list[tuple[AccountState, int, int]]
"""Accounts with what goes out and what comes in."""


def sums_if_all_pass(columns: Columns, page: Page) -> Sums | None:
    """What the chunk adds to each account, if every transfer passes in order; else None."""
    np = _np()
    names = list(dict.fromkeys((*columns.debits, *columns.credits)))
    states: list[Any] = [page.accounts.get(name) for name in names]
    if None in states:
        return None
    place = {name: at for at, name in enumerate(names)}
    count = len(columns.ids)
    try:
        amounts = np.array(columns.amounts_fen, dtype=np.int64)
    except OverflowError:
        return None
    debits = np.fromiter(map(place.__getitem__, columns.debits), dtype=np.int64, count=count)
    credits_ = np.fromiter(map(place.__getitem__, columns.credits), dtype=np.int64, count=count)
    if amounts.min() <= 0 or int(amounts.max()) * count >= _SAFE or (debits == credits_).any():
        return None
    out, into = np.zeros(len(names), np.int64), np.zeros(len(names), np.int64)
    np.add.at(out, debits, amounts)
    np.add.at(into, credits_, amounts)
    sums: Sums = list(zip(states, out.tolist(), into.tolist(), strict=True))
    doubtful = []
    for at, (account, gone, come) in enumerate(sums):
        if not _sides_pass(account, gone, come):
            return None
        if not _certainly_within(account, gone, come):
            doubtful.append(at)
    if doubtful and not _runs_pass(doubtful, states, debits, credits_, amounts):
        return None
    return sums


def add(sums: Sums) -> None:
    """Bring what was posted to the accounts."""
    for account, gone, come in sums:
        account.debits_fen += gone
        account.credits_fen += come
        account.touched = True


def _sides_pass(account: AccountState, gone: int, come: int) -> bool:
    return (
        account.debits_fen + account.debits_pending_fen + gone <= FEN_MAX
        and account.credits_fen + account.credits_pending_fen + come <= FEN_MAX
    )


def _certainly_within(account: AccountState, gone: int, come: int) -> bool:
    """Within its bounds in whatever order."""
    floor_fen, ceiling_fen = account.bounds.floor_fen, account.bounds.ceiling_fen
    net = account.credits_fen - account.debits_fen
    return (floor_fen is None or not gone or net - account.debits_pending_fen - gone >= floor_fen) and (
        ceiling_fen is None or not come or net + account.credits_pending_fen + come <= ceiling_fen
    )


def _runs_pass(doubtful: list[int], states: Sequence[Any], debits: Any, credits_: Any, amounts: Any) -> bool:
    """Follow the running balance of the accounts for which the order matters."""
    np = _np()
    wanted = np.zeros(len(states), bool)
    wanted[doubtful] = True
    out, into = np.flatnonzero(wanted[debits]), np.flatnonzero(wanted[credits_])
    who = np.concatenate([debits[out], credits_[into]])
    signed = np.concatenate([-amounts[out], amounts[into]])
    order = np.lexsort((np.concatenate([out, into]), who))
    who, signed = who[order], signed[order]
    starts = np.flatnonzero(np.r_[True, who[1:] != who[:-1]])
    for start, end in pairwise([*starts.tolist(), len(who)]):
        account = states[int(who[start])]
        steps = signed[start:end]
        run, comes = np.cumsum(steps), steps > 0
        net = account.credits_fen - account.debits_fen
        lowest = run[~comes].min(initial=_SAFE)
        highest = run[comes].max(initial=-_SAFE)
        floor_fen, ceiling_fen = account.bounds.floor_fen, account.bounds.ceiling_fen
        if floor_fen is not None and int(lowest) + net - account.debits_pending_fen < floor_fen:
            return False
        if ceiling_fen is not None and int(highest) + net + account.credits_pending_fen > ceiling_fen:
            return False
    return True
