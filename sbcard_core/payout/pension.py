"""Pensions (养老金代发): what a month owes each person, adjustments, and the back pay they bring (补发)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from sbcard_core.payout import checks
from sbcard_core.payout.engine import PayoutEngine
from sbcard_core.payout.lines import RollLine
from sbcard_core.payout.programmes import PENSION, Programme
from sbcard_core.payout.rolls import Roll


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What one person is due each month, from month ``since`` (``YYYY-MM``) to ``until``, both included."""

    id_number: str = field(repr=False)
    name: str = field(repr=False)
    monthly_fen: int
    since: str
    until: str = "2999-12"
    area: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "since", checks.month(self.since, "since"))
        object.__setattr__(self, "until", checks.month(self.until, "until"))


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A change of the monthly sum (待遇调整): a rate, then a fixed sum.

    Attributes:
        code: names it in the items of back pay: small letters, digits, hyphens.
        since: first month it is due for.
        decided_in: first month it is paid with; months between are back pay.
        per_mille: added to the sum, rounded half up to the fen.
        plus_fen: added after the rate.
        only: whom it is for; None is everyone.
    """

    code: str
    since: str
    decided_in: str
    per_mille: int = 0
    plus_fen: int = 0
    only: frozenset[str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "since", checks.month(self.since, "since"))
        object.__setattr__(self, "decided_in", checks.month(self.decided_in, "decided_in"))


def month_after(month: str) -> str:
    """The next month.

    Raises:
        InvalidValue: not a month ``YYYY-MM``.

    Example:
        >>> month_after("2014-12")
        '2015-01'
    """
    first = date.fromisoformat(f"{checks.month(month, 'this')}-01")
    return f"{first.year + first.month // 12:04d}-{first.month % 12 + 1:02d}"


def due_fen(entitlement: Entitlement, adjustments: Sequence[Adjustment], month: str, *, known_in: str) -> int:
    """What a month owes a person, by the adjustments decided up to ``known_in``; 0 outside the entitlement.

    Example:
        >>> plus = Adjustment("2014-plus-100", "2014-01", "2014-07", per_mille=100)
        >>> old = Entitlement("11010519491231002X", "甲", 100_05, "2013-01")
        >>> due_fen(old, [plus], "2014-06", known_in="2014-06"), due_fen(old, [plus], "2014-06", known_in="2014-07")
        (10005, 11006)
    """
    if not entitlement.since <= month <= entitlement.until:
        return 0
    fen = entitlement.monthly_fen
    for change in sorted(adjustments, key=lambda change: (change.since, change.code)):
        mine = change.only is None or entitlement.id_number in change.only
        if mine and change.since <= month and change.decided_in <= known_in:
            fen += (fen * change.per_mille + 500) // 1000 + change.plus_fen
    return fen


def month_lines(
    entitlements: Iterable[Entitlement], adjustments: Sequence[Adjustment], month: str
) -> Iterator[RollLine]:
    """The month's due of everyone, and the back pay of adjustments first paid in this month.

    A back payment is one line per adjustment and month it reaches back to, item ``<code>:<month>``: the engine
    pays each once. Sums that fall are no back pay; they are recovered.
    """
    new = [change for change in adjustments if change.decided_in == month and change.since < month]
    for one in entitlements:
        due = due_fen(one, adjustments, month, known_in=month)
        if due:
            yield RollLine(one.id_number, one.name, due, area=one.area)
        done = [change for change in adjustments if change.decided_in < month]
        for change in sorted(new, key=lambda change: (change.since, change.code)):
            past = change.since
            while past < month:
                before = due_fen(one, done, past, known_in=month)
                more = due_fen(one, [*done, change], past, known_in=month) - before
                if more > 0:
                    yield RollLine(one.id_number, one.name, more, item=f"{change.code}:{past}", area=one.area)
                past = month_after(past)
            done = [*done, change]


def _is_of(line: RollLine, month: str, adjustments: Iterable[Adjustment]) -> bool:
    """Whether a line that waited is for the month itself, or is brought by an adjustment that this month brings."""
    code, _, period = line.item.rpartition(":")
    return (code == "held" and period == month) or code in {one.code for one in adjustments if one.decided_in == month}


class PensionPayout:
    """The pension's use of the engine: a month's roll from entitlements, with adjustments and back pay.

    Args:
        engine: the payout engine; every other stage is its own.
        programme: which pension.
    """

    def __init__(self, engine: PayoutEngine, programme: Programme = PENSION) -> None:
        self.engine, self.programme = engine, programme

    def month(
        self,
        month: str,
        entitlements: Iterable[Entitlement],
        *,
        adjustments: Sequence[Adjustment] = (),
        on: date,
        by: str,
        held: bool = True,
    ) -> Roll:
        """Draft a month's roll: what is due, back pay of adjustments and, with ``held``, of ended suspensions."""

        month = checks.month(month, "the period")

        def lines() -> Iterator[RollLine]:
            yield from month_lines(entitlements, adjustments, month)
            yield from waiting

        waiting = [line for line in self.engine.held(self.programme) if held and not _is_of(line, month, adjustments)]
        return self.engine.draft(self.programme, month, lines(), on=on, by=by)
