"""Conflicts between records, and the smallest set of records to withdraw so that none is left.

One number may stand for one name only, one person may be in one county and with one bank only. A blank
says nothing and conflicts with nothing. Records that are already in force (``known``) cannot be
withdrawn: what contradicts them goes.

Everything here is a pure function of its arguments: the same records, in the same order, give the same
answer, and nothing is read or written.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from sbcard_core.validation.cover import MAX_EXACT, Chosen, choose

if TYPE_CHECKING:
    from sbcard_core.validation.records import CheckedBatch


class ConflictKind(StrEnum):
    """What cannot be true at once."""

    NAMES = "two_names"
    """一号多名: one number, two names."""
    COUNTIES = "two_counties"
    """一人多地: one person in two counties."""
    BANKS = "two_banks"
    """一人多行: one person with two banks."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one record says, in stored form.

    Args:
        key: names the record, e.g. (file, line).
        number: the citizen number.
        name: the name, "" if unknown.
        county: the county code, "" if unknown.
        bank: the bank code, "" if unknown.
        person: who it is about, where the caller knows better than the number (e.g. a person whose number
            was corrected); "" = the number.
    """

    key: Hashable
    number: str = field(repr=False)
    name: str = field(default="", repr=False)
    county: str = ""
    bank: str = ""
    person: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Conflict:
    """One number or person of which records say different things.

    Args:
        kind: what differs.
        sides: the records by what they say, in order of appearance; known records carry their own keys.
    """

    kind: ConflictKind
    sides: tuple[tuple[Hashable, ...], ...]


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Which records to withdraw.

    Args:
        keys: the records, in order of appearance.
        at_least: no smaller number can do; equals ``len(keys)`` where the answer is proven smallest.
        unique: this is the only smallest set; where it is False a person must decide, the arithmetic cannot.
        irreconcilable: known records contradict each other; these conflicts stay, whatever is withdrawn.
    """

    keys: tuple[Hashable, ...]
    at_least: int
    unique: bool
    irreconcilable: bool = False

    @property
    def is_smallest(self) -> bool:
        """Whether it is proven that no smaller set exists."""
        return len(self.keys) == self.at_least


def _person(claim: Claim) -> str:
    return claim.person or claim.number


class Rule(NamedTuple):
    """What may be said once only, and of whom: of a person, else of a number."""

    kind: ConflictKind
    of_person: bool
    says: Callable[[Claim], str]


_RULES = (
    Rule(ConflictKind.NAMES, False, lambda claim: claim.name),
    Rule(ConflictKind.COUNTIES, True, lambda claim: claim.county),
    Rule(ConflictKind.BANKS, True, lambda claim: claim.bank),
)


def find(
    claims: Iterable[Claim], known: Iterable[Claim] = (), *, kinds: Collection[ConflictKind] = tuple(ConflictKind)
) -> list[Conflict]:
    """Every conflict among the claims, and between them and what is known.

    Args:
        claims: the records of one check.
        known: records in force, as a stream: only those whose number or person is claimed are kept, so
            millions may pass. A conflict among known records alone is not told.
        kinds: what to look for.

    Example:
        >>> claims = [Claim(1, "A", "张三", "430102"), Claim(2, "A", "张三", "430103"), Claim(3, "B", "李四")]
        >>> find(claims)
        [Conflict(kind=<ConflictKind.COUNTIES: 'two_counties'>, sides=((1,), (2,)))]
        >>> [str(conflict.kind) for conflict in find(claims, [Claim("card", "B", "李思")])]
        ['two_counties', 'two_names']
    """
    ours = list(claims)
    theirs = list(_concerned(ours, known))
    new = {id(claim) for claim in ours}
    found = []
    for kind, of_person, says in (rule for rule in _RULES if rule.kind in kinds):
        sides: defaultdict[str, dict[str, list[Claim]]] = defaultdict(dict)
        for claim in chain(ours, theirs):
            about = _person(claim) if of_person else claim.number
            if about and (value := says(claim)):
                sides[about].setdefault(value, []).append(claim)
        for group in sides.values():
            if len(group) > 1 and any(id(claim) in new for side in group.values() for claim in side):
                found.append(Conflict(kind, tuple(tuple(claim.key for claim in side) for side in group.values())))
    order = {claim.key: at for at, claim in reversed([*enumerate(chain(ours, theirs))])}
    return sorted(found, key=lambda conflict: min(order[key] for side in conflict.sides for key in side))


def _concerned(ours: Sequence[Claim], known: Iterable[Claim]) -> Iterator[Claim]:
    numbers, persons = {claim.number for claim in ours}, {_person(claim) for claim in ours}
    return (claim for claim in known if claim.number in numbers or _person(claim) in persons)


Says = tuple[str, str, tuple[str, ...]]
"""Number, person, and the value of each kind."""


@dataclass(slots=True)
class _Class:
    """Records that say the very same: they stay or go together."""

    says: Says
    places: list[int]
    fixed: bool

    @property
    def weight(self) -> int:
        return len(self.places)


_Groups = dict[tuple[int, str], dict[str, list[int]]]


def _classes(ours: Sequence[Claim], theirs: Iterable[Claim], rules: Sequence[Rule]) -> list[_Class]:
    found: dict[tuple[Says, bool], _Class] = {}
    for place, claim in chain(enumerate(ours), ((-1, claim) for claim in theirs)):
        says = (claim.number, _person(claim), tuple(rule.says(claim) for rule in rules))
        each = found.setdefault((says, place < 0), _Class(says, [], place < 0))
        if place >= 0:
            each.places.append(place)
    return list(found.values())


def _groups(classes: Sequence[_Class], rules: Sequence[Rule]) -> _Groups:
    """For each rule and each number or person: the classes by what they say; only where they differ."""
    found: _Groups = {}
    for at, each in enumerate(classes):
        for which, (rule, value) in enumerate(zip(rules, each.says[2], strict=True)):
            about = each.says[1] if rule.of_person else each.says[0]
            if value and about:
                found.setdefault((which, about), {}).setdefault(value, []).append(at)
    return {key: group for key, group in found.items() if len(group) > 1}


def _forced(classes: Sequence[_Class], groups: _Groups) -> tuple[set[int], bool]:
    """The classes that contradict what is known, and whether known records contradict each other."""
    forced: set[int] = set()
    at_odds = False
    for group in groups.values():
        firm = {value for value, side in group.items() if any(classes[at].fixed for at in side)}
        at_odds = at_odds or len(firm) > 1
        for value, side in group.items():
            if firm - {value}:
                forced.update(at for at in side if not classes[at].fixed)
    return forced, at_odds


def _still_open(classes: Sequence[_Class], groups: _Groups, forced: set[int]) -> _Groups:
    """What differs among the classes that may stay or go; no known one is left where they differ."""
    found: _Groups = {}
    for key, group in groups.items():
        sides = {
            value: [at for at in side if at not in forced and not classes[at].fixed] for value, side in group.items()
        }
        if sum(map(bool, sides.values())) > 1:
            found[key] = {value: side for value, side in sides.items() if side}
    return found


def _islands(groups: _Groups) -> list[list[tuple[int, str]]]:
    """Groups that share a class, together."""
    leader: dict[int, int] = {}

    def find_leader(at: int) -> int:
        while leader[at] != at:
            leader[at] = at = leader[leader[at]]
        return at

    for group in groups.values():
        members = [*chain.from_iterable(group.values())]
        for at in members:
            leader.setdefault(at, at)
            leader[find_leader(at)] = find_leader(members[0])
    found: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    for key, group in groups.items():
        found[find_leader(next(iter(group.values()))[0])].append(key)
    return [*found.values()]


def _settle(classes: Sequence[_Class], groups: Sequence[dict[str, list[int]]], budget: int) -> Chosen:
    """The lightest classes to withdraw of one island."""
    members = sorted(set(chain.from_iterable(chain.from_iterable(group.values() for group in groups))))
    weights = {at: classes[at].weight for at in members}
    first = {at: classes[at].places[0] for at in members}
    if all(all(classes[at].says[2]) for at in members) and len({classes[at].says[:2] for at in members}) == 1:
        # one number, one person, nothing blank: any two classes differ, so exactly one stays
        stays = max(members, key=lambda at: (weights[at], -first[at]))
        lightest = sum(weights.values()) - weights[stays]
        unique = sum(weight == weights[stays] for weight in weights.values()) == 1
        return Chosen(frozenset(members) - {stays}, lightest, unique)
    if len(members) > MAX_EXACT:
        return _at_large(classes, members, groups)
    edges: dict[int, set[int]] = {at: set() for at in members}
    for group in groups:
        everyone = set(chain.from_iterable(group.values()))
        for side in group.values():
            others = everyone.difference(side)
            for at in side:
                edges[at] |= others
    return choose(edges, weights, first, budget=budget)


def _at_large(classes: Sequence[_Class], members: Sequence[int], groups: Sequence[dict[str, list[int]]]) -> Chosen:
    """A good set for an island too large to search: the heaviest stay unless they contradict one that does."""
    values: list[dict[int, str]] = [{at: value for value, side in group.items() for at in side} for group in groups]
    said: dict[int, str] = {}
    gone = []
    for at in sorted(members, key=lambda at: (-classes[at].weight, classes[at].places[0])):
        mine = {which: value[at] for which, value in enumerate(values) if at in value}
        if any(said.get(which, value) != value for which, value in mine.items()):
            gone.append(at)
        else:
            said |= mine
    # of each single group all sides but its heaviest must go
    bounds = []
    for group in groups:
        sides = [sum(classes[at].weight for at in side) for side in group.values()]
        bounds.append(sum(sides) - max(sides))
    return Chosen(frozenset(gone), max(bounds), False)


def settle(
    batches: Iterable["CheckedBatch"],
    known: Iterable[Claim] = (),
    *,
    kinds: Collection[ConflictKind] = tuple(ConflictKind),
) -> tuple[list[Conflict], Withdrawal]:
    """The conflicts of a whole check, and the fewest records to withdraw so that none is left.

    Looked at are the records whose right number stands more than once in the check or was known before it
    (``CheckedBatch.claims``), whatever became of them: keys are (file, line). To set them against records in
    force, give their numbers to the check as ``known=`` and what they say here.

    Args:
        batches: what ``check_files`` gives; read to the end.
        known: records in force, as a stream.
        kinds: what counts as a conflict.

    Example:
        >>> settle([])
        ([], Withdrawal(keys=(), at_least=0, unique=True, irreconcilable=False))
    """
    claims = [claim for batch in batches for claim in batch.claims]
    in_force = list(_concerned(claims, known))
    return find(claims, in_force, kinds=kinds), smallest_withdrawal(claims, in_force, kinds=kinds)


def smallest_withdrawal(
    claims: Sequence[Claim],
    known: Iterable[Claim] = (),
    *,
    kinds: Collection[ConflictKind] = tuple(ConflictKind),
    budget: int = 20_000,
) -> Withdrawal:
    """The fewest records to withdraw so that the rest, with what is known, has no conflict.

    Records that say the same count as one with their number as weight; what is left is a minimum
    weighted vertex cover per connected group, found by branch and bound with a proven lower bound. Groups
    are one number's records as a rule, so they are tiny; a group too large for the budget gets a good set
    and ``at_least`` tells how far from the smallest it may be.

    Args:
        claims: the records of one check, in order of arrival; of equal answers the one that withdraws
            later records is taken.
        known: records in force, as a stream; they always stay.
        kinds: what counts as a conflict.
        budget: search steps per group.

    Example:
        >>> claims = [Claim(1, "A", "张三"), Claim(2, "A", "张三丰"), Claim(3, "A", "张三")]
        >>> smallest_withdrawal(claims)
        Withdrawal(keys=(2,), at_least=1, unique=True, irreconcilable=False)
        >>> smallest_withdrawal(claims, known=[Claim("card", "A", "张三丰")]).keys
        (1, 3)
        >>> smallest_withdrawal(claims[:2])  # nobody can know which: a person must look
        Withdrawal(keys=(2,), at_least=1, unique=False, irreconcilable=False)
    """
    rules = [rule for rule in _RULES if rule.kind in kinds]
    classes = _classes(claims, _concerned(claims, known), rules)
    groups = _groups(classes, rules)
    forced, at_odds = _forced(classes, groups)
    free = _still_open(classes, groups, forced)
    parts = [_settle(classes, [free[key] for key in island], budget) for island in _islands(free)]
    out = forced.union(*(part.nodes for part in parts))
    gone = sorted(place for at in out for place in classes[at].places)
    at_least = sum(part.at_least for part in parts) + sum(classes[at].weight for at in forced)
    keys = tuple(claims[place].key for place in gone)
    return Withdrawal(keys, at_least, all(part.unique for part in parts), at_odds)
