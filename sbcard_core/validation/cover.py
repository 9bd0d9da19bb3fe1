"""The lightest set of nodes that touches every edge (minimum weighted vertex cover), exactly where that is feasible.

Branch and bound: a node of highest degree either stays, so all its neighbours go, or goes itself. The bound
comes from disjoint cliques: of each all but one node must go, so at least the weight of all but the heaviest.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MAX_EXACT = 300
"""Nodes of one connected group that are still searched; a larger one gets the greedy answer."""

Edges = Mapping[int, set[int]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A set of nodes that touches every edge.

    Args:
        nodes: the set.
        at_least: no cover is lighter; equals the weight of ``nodes`` where they are proven lightest.
        unique: no other cover is as light (only ever True where that is proven).
    """

    nodes: frozenset[int]
    at_least: int
    unique: bool


class _Spent(Exception):
    """The budget of search steps is used up."""


@dataclass(slots=True)
class Budget:
    """Search steps that may still be made."""

    steps: int

    def spend(self) -> None:
        """Make one step.

        Raises:
            _Spent: none is left.
        """
        if self.steps <= 0:
            raise _Spent
        self.steps -= 1


def groups(edges: Edges) -> Iterator[set[int]]:
    """Connected groups of two and more nodes.

    Example:
        >>> [sorted(group) for group in groups({1: {2}, 2: {1}, 3: set()})]
        [[1, 2]]
    """
    seen: set[int] = set()
    for start in edges:
        if start in seen or not edges[start]:
            continue
        group, border = {start}, [start]
        while border:
            new = edges[border.pop()] - group
            group |= new
            border += new
        seen |= group
        yield group


def lower_bound(nodes: set[int], edges: Edges, weights: Mapping[int, int]) -> int:
    """A weight no cover of the edges inside ``nodes`` can go below.

    Example:
        >>> lower_bound({1, 2, 3}, {1: {2, 3}, 2: {1, 3}, 3: {1, 2}}, {1: 5, 2: 1, 3: 1})
        2
    """
    cliques: list[set[int]] = []
    bound = 0
    for node in sorted(nodes, key=lambda node: (-weights[node], node)):
        beside = edges[node]
        home = next((clique for clique in cliques if clique <= beside), None)
        if home is None:
            cliques.append({node})  # the heaviest of its clique: it may stay
        else:
            home.add(node)
            bound += weights[node]
    return bound


def greedy(nodes: set[int], edges: Edges, weights: Mapping[int, int], first: Mapping[int, int]) -> frozenset[int]:
    """A good cover: the heaviest stay, the earlier of equals."""
    stay: set[int] = set()
    for node in sorted(nodes, key=lambda node: (-weights[node], first[node])):
        if not edges[node] & stay:
            stay.add(node)
    return frozenset(nodes - stay)


class _Search:
    """The search over one connected group."""

    def __init__(self, edges: Edges, weights: Mapping[int, int], first: Mapping[int, int], budget: Budget) -> None:
        self.edges, self.weights, self.first, self.budget = edges, weights, first, budget
        self.best: frozenset[int] = frozenset()
        self.weight = 0
        self.others = False

    def run(self, group: set[int]) -> Chosen:
        bound = lower_bound(group, self.edges, self.weights)
        self.best = greedy(group, self.edges, self.weights, self.first)
        self.weight = self._weigh(self.best)
        if len(group) > MAX_EXACT:
            return Chosen(self.best, bound, False)
        try:
            self._descend(group, frozenset(), 0, ties=False)
        except _Spent:
            return Chosen(self.best, min(bound, self.weight), False)
        lightest = self.weight
        try:
            self._descend(group, frozenset(), 0, ties=True)
        except _Spent:
            return Chosen(self.best, lightest, False)
        return Chosen(self.best, lightest, not self.others)

    def _weigh(self, nodes: frozenset[int]) -> int:
        return sum(self.weights[node] for node in nodes)

    def _rank(self, nodes: frozenset[int]) -> list[int]:
        """Covers that take later records come first."""
        return sorted(self.first[node] for node in nodes)

    def _found(self, gone: frozenset[int], cost: int) -> None:
        if cost < self.weight:
            self.best, self.weight, self.others = gone, cost, False
        elif cost == self.weight and gone != self.best:
            self.others = True
            if self._rank(gone) > self._rank(self.best):
                self.best = gone

    def _descend(self, nodes: set[int], gone: frozenset[int], cost: int, *, ties: bool) -> None:
        self.budget.spend()
        nodes = {node for node in nodes if self.edges[node] & nodes}
        if not nodes:
            self._found(gone, cost)
            return
        bound = cost + lower_bound(nodes, self.edges, self.weights)
        if bound > self.weight or (bound == self.weight and not ties):
            return
        node = max(nodes, key=lambda node: (len(self.edges[node] & nodes), -self.first[node]))
        beside = self.edges[node] & nodes
        self._descend(nodes - beside - {node}, gone | beside, cost + self._weigh(frozenset(beside)), ties=ties)
        self._descend(nodes - {node}, gone | {node}, cost + self.weights[node], ties=ties)


def choose(edges: Edges, weights: Mapping[int, int], first: Mapping[int, int], *, budget: int) -> Chosen:
    """The lightest cover of all edges, group by group.

    Args:
        edges: neighbours of each node, both ways.
        weights: weight of each node, at least 1.
        first: rank of each node; of equally light covers the one with later nodes is taken.
        budget: search steps per group.

    Example:
        >>> choose({1: {2}, 2: {1, 3}, 3: {2}}, {1: 1, 2: 1, 3: 1}, {1: 1, 2: 2, 3: 3}, budget=99)
        Chosen(nodes=frozenset({2}), at_least=1, unique=True)
    """
    parts = [_Search(edges, weights, first, Budget(budget)).run(group) for group in groups(edges)]
    nodes = frozenset().union(*(part.nodes for part in parts))
    return Chosen(nodes, sum(part.at_least for part in parts), all(part.unique for part in parts))
