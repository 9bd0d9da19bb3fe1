"""All policy tables of a place at once: two that contradict each other are refused, one is found for each day."""

from collections.abc import Iterable
from datetime import date
from itertools import pairwise

from sbcard_core.medical.policy import NoPolicy, Policy
from sbcard_core.medical.policy_file import check, refused
from sbcard_core.messages import message


class PolicyBook:
    """Tables by region and insurance.

    Args:
        policies: in any order. Without an ``effective_until`` a table holds until the next one begins.

    Raises:
        PolicyRefused: a table that cannot be used, also one made in code; two tables begin on the same day, one
            still holds when the next begins though it says when it ends, or two have the same code.

    Example:
        >>> from sbcard_core.medical.policy_file import samples
        >>> PolicyBook(samples()).find("resident", date(2014, 7, 31)).code
        'resident-sample-2014'
    """

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._tables: dict[tuple[str, str], list[Policy]] = {}
        self._by_code: dict[str, Policy] = {}
        self._found: dict[tuple[str, str, date], Policy] = {}
        for policy in policies:
            check(policy)
            if self._by_code.setdefault(policy.code, policy) is not policy:
                raise refused("twice", code=policy.code)
            self._tables.setdefault((policy.region, policy.insutype), []).append(policy)
        self._groups = frozenset(one.group for policy in self._by_code.values() for one in policy.supplements)
        for tables in self._tables.values():
            tables.sort(key=lambda policy: policy.effective_from)
            for one, other in pairwise(tables):
                until = one.effective_until
                if one.effective_from == other.effective_from or (until is not None and until > other.effective_from):
                    raise refused("both", one=one.code, other=other.code)

    def find(self, insutype: str, on: date, region: str = "") -> Policy:
        """The table in force: the region's own, or the one for every region if the region has none at all.

        Raises:
            NoPolicy: none is in force on the day.
        """
        key = (region, insutype, on)
        if key not in self._found:
            tables = self._tables.get((region, insutype)) or self._tables.get(("", insutype), [])
            self._found[key] = in_force(tables, insutype, on)
        return self._found[key]

    @property
    def groups(self) -> frozenset[str]:
        """Every group of persons that some table has a supplement for."""
        return self._groups

    @property
    def insutypes(self) -> tuple[str, ...]:
        """Every insurance that has a table, by name."""
        return tuple(sorted({policy.insutype for policy in self._by_code.values()}))

    def by_code(self, code: str) -> Policy | None:
        """The table of that name."""
        return self._by_code.get(code)


def in_force(policies: Iterable[Policy], insutype: str, on: date) -> Policy:
    """The table of an insurance in force on a day: the latest that has begun, unless it has ended.

    Raises:
        NoPolicy: none has begun, or the latest has ended.

    Example:
        >>> from sbcard_core.medical.policy_file import samples
        >>> in_force(samples(), "resident", date(2014, 7, 31)).code
        'resident-sample-2014'
    """
    begun = [policy for policy in policies if policy.insutype == insutype and policy.effective_from <= on]
    latest = max(begun, key=lambda policy: policy.effective_from, default=None)
    if latest is None or not latest.holds_on(on):
        what = message("medical.no_policy", insutype=repr(insutype), on=on)
        raise NoPolicy(what, step="medical.in_force", term="待遇政策")
    return latest
