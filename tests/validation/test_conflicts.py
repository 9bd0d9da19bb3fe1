"""The smallest withdrawal against every subset tried; conflicts with what is known; large and hopeless groups."""

from collections.abc import Collection, Sequence
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.validation import cover
from sbcard_core.validation.conflicts import Claim, ConflictKind, find, smallest_withdrawal

VALUES = st.sampled_from(["", "a", "b", "c"])
CLAIMS = st.lists(
    st.builds(
        Claim,
        st.none(),
        st.sampled_from(["N1", "N2"]),
        VALUES,
        VALUES,
        st.sampled_from(["a", "b"]),
        st.sampled_from(["", "", "P"]),
    ),
    max_size=9,
).map(lambda claims: [Claim(at, c.number, c.name, c.county, c.bank, c.person) for at, c in enumerate(claims)])
KINDS = st.sets(st.sampled_from(list(ConflictKind)), min_size=1)


def at_peace(claims: Sequence[Claim], kinds: Collection[ConflictKind]) -> bool:
    """Written from the rule's words, pair by pair."""
    for one, two in combinations(claims, 2):
        if ConflictKind.NAMES in kinds and one.number == two.number and one.name and two.name and one.name != two.name:
            return False
        if (one.person or one.number) != (two.person or two.number):
            continue
        if ConflictKind.COUNTIES in kinds and one.county and two.county and one.county != two.county:
            return False
        if ConflictKind.BANKS in kinds and one.bank and two.bank and one.bank != two.bank:
            return False
    return True


def by_trying_all(claims: Sequence[Claim], known: Sequence[Claim], kinds: Collection[ConflictKind]) -> list[set[int]]:
    """Every smallest set of records without which the rest is at peace."""
    for size in range(len(claims) + 1):
        found = [
            set(gone)
            for gone in combinations(range(len(claims)), size)
            if at_peace([*known, *(claim for at, claim in enumerate(claims) if at not in gone)], kinds)
        ]
        if found:
            return found
    return []


@given(CLAIMS, KINDS)
def test_no_smaller_set_exists(claims: list[Claim], kinds: set[ConflictKind]) -> None:
    answers = by_trying_all(claims, [], kinds)
    withdrawal = smallest_withdrawal(claims, kinds=kinds)
    assert set(withdrawal.keys) in answers
    assert withdrawal.is_smallest
    assert withdrawal.unique == (len(answers) == 1)
    assert list(withdrawal.keys) == sorted(withdrawal.keys, key=lambda key: int(str(key)))


@given(CLAIMS, CLAIMS, KINDS)
def test_what_is_known_stays(claims: list[Claim], known: list[Claim], kinds: set[ConflictKind]) -> None:
    known = known[:2]
    withdrawal = smallest_withdrawal(claims, iter(known), kinds=kinds)
    concerned = [k for k in known if any(k.number == c.number or _who(k) == _who(c) for c in claims)]
    assert withdrawal.irreconcilable == (not at_peace(concerned, kinds))
    if not withdrawal.irreconcilable:
        answers = by_trying_all(claims, concerned, kinds)
        assert set(withdrawal.keys) in answers
        assert withdrawal.unique == (len(answers) == 1)
        assert withdrawal.is_smallest


def _who(claim: Claim) -> str:
    return claim.person or claim.number


@given(CLAIMS, CLAIMS, KINDS)
def test_conflicts_are_told_exactly_where_there_is_no_peace(
    claims: list[Claim], known: list[Claim], kinds: set[ConflictKind]
) -> None:
    assert bool(find(claims, kinds=kinds)) == (not at_peace(claims, kinds))
    known = [Claim(("known", k.key), k.number, k.name, k.county, k.bank, k.person) for k in known[:2]]
    alone = find(claims, kinds=kinds)
    both = find(claims, known, kinds=kinds)
    assert {c.kind for c in alone} <= {c.kind for c in both}
    for conflict in both:
        assert len(conflict.sides) > 1
        assert any(not isinstance(key, tuple) for side in conflict.sides for key in side)


@given(
    st.integers(1, 8),
    st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7))),
    st.lists(st.integers(1, 3), min_size=8, max_size=8),
)
def test_the_lightest_cover_of_any_graph(size: int, pairs: set[tuple[int, int]], weights: list[int]) -> None:
    edges: dict[int, set[int]] = {at: set() for at in range(size)}
    for one, two in pairs:
        if one != two and max(one, two) < size:
            edges[one].add(two)
            edges[two].add(one)
    nodes = dict(enumerate(weights[:size]))
    covers = [
        frozenset(at for at in range(size) if bits[at])
        for bits in product([0, 1], repeat=size)
        if all(bits[one] or bits[two] for one in edges for two in edges[one])
    ]
    lightest = min(sum(nodes[at] for at in one) for one in covers)
    best = [one for one in covers if sum(nodes[at] for at in one) == lightest]
    chosen = cover.choose(edges, nodes, {at: at for at in nodes}, budget=5000)
    assert chosen.nodes in best
    assert chosen.at_least == lightest
    assert chosen.unique == (len(best) == 1)
    hurried = cover.choose(edges, nodes, {at: at for at in nodes}, budget=0)
    assert hurried.at_least <= lightest <= sum(nodes[at] for at in hurried.nodes)
    assert hurried.nodes in covers
    bounded = cover.lower_bound(set(nodes), edges, nodes)
    assert bounded <= lightest


def test_a_placeholder_number_with_thousands_of_names_is_settled() -> None:
    crowd = [Claim(at, "N", f"name{at}", "c", "b") for at in range(20_000)]
    withdrawal = smallest_withdrawal([*crowd, Claim("again", "N", "name7", "c", "b")])
    assert len(withdrawal.keys) == withdrawal.at_least == 19_999
    assert withdrawal.unique
    assert not {7, "again"} & set(withdrawal.keys)


def test_a_group_too_large_to_search_is_still_settled_and_says_so() -> None:
    crowd = [Claim(at, "N", f"name{at % 700}", "" if at % 2 else f"c{at % 3}") for at in range(2000)]
    withdrawal = smallest_withdrawal(crowd)
    gone = set(withdrawal.keys)
    assert find([claim for claim in crowd if claim.key not in gone]) == []
    assert 0 < withdrawal.at_least <= len(withdrawal.keys)
    assert not withdrawal.unique


def test_equal_claims_leave_the_choice_to_a_person_and_keep_the_earlier() -> None:
    pair = [Claim("b.csv:2", "N", "张三"), Claim("a.csv:9", "N", "李四")]
    withdrawal = smallest_withdrawal(pair)
    assert (withdrawal.keys, withdrawal.unique) == (("a.csv:9",), False)


def test_known_records_at_odds_are_told() -> None:
    known = [Claim("k1", "N", "张三"), Claim("k2", "N", "李四")]
    withdrawal = smallest_withdrawal([Claim(1, "N", "张三"), Claim(2, "M", "王五")], known)
    assert withdrawal.irreconcilable
    assert withdrawal.keys == (1,)


def test_blanks_say_nothing() -> None:
    blank = [
        Claim(1, "", "张三"),
        Claim(2, "", "李四"),
        Claim(3, "N"),
        Claim(4, "N", "王五"),
        Claim(5, "N", "", "c", "b"),
    ]
    assert find(blank) == []
    assert smallest_withdrawal(blank).keys == ()


@pytest.mark.parametrize("secret", ["11010519491231002X", "张三丰"])
def test_no_number_or_name_in_a_repr(secret: str) -> None:
    claims = [Claim(1, "11010519491231002X", "张三丰"), Claim(2, "11010519491231002X", "李四")]
    assert secret not in repr([claims, find(claims), smallest_withdrawal(claims)])
