"""Query plans of every statement the library runs in a test: none may read a whole table that grows with a place."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from sbcard_core.store import schema

PACKAGES: Final = ("clearing", "eligibility", "ledger", "medical", "officers", "payout", "premiums", "registry")
"""Packages whose statements are hot paths: bills, lines, cards or postings by the thousand."""
SMALL: Final = frozenset(
    {
        *("schema_version", "alembic_version", "collection_file", "period_close", "production_order"),
        *("opening_batch", "opening_result", "payout_roll", "payout_batch", "premium_batch"),
    }
)
"""Tables with a row per file, batch or month: reading one whole costs nothing."""
BIG: Final = frozenset(schema.metadata.tables) - SMALL
WHOLE: Final = {
    "ledger.periods.close": "sums what it closes, once a month; an index by time would slow each posting",
    "ledger.proof.discrepancies": "adds all books up anew",
    "ledger.proof.totals": "adds all accounts up",
    "payout.draft._match": "a roll is matched against the whole registry, once",
    "payout.draft._same_names": "the names of a roll against the registry, once",
    "payout.draft.refused": "one roll's lines by state",
    "payout.lookup.accounts": "accounts of the payees of returned lines",
    "payout.lookup.names": "whether any account was reported, once for a roll",
    "payout.repay._owned": "an account that may be somebody else's",
    "payout.repay.repay": "payees who are not alive, once for a period",
    "payout.rules.refuse": "payees who are not alive, once for a roll",
    "payout.rules.stale": "what has changed since the draft, once for a roll",
    "premiums.agency.suspended": "all that ever lay in suspense, where that is asked for",
    "premiums.book.arrears": "all open bills with the deaths",
    "registry.openings.dispatch_all": "all people, once a day",
    "registry.status._by": "counts all",
    "registry.status.counts": "counts all",
}
"""Functions that may read a whole table, with the reason. Whoever adds one says why no index serves."""
PARTIAL: Final = frozenset(
    index.name
    for table in schema.metadata.tables.values()
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
)
"""Indexes of a few rows each: reading one whole is not reading its table."""
_ROOT: Final = str(Path(schema.__file__).parents[1])
_READS: Final = re.compile(r"\s*(SELECT|WITH|UPDATE|DELETE|INSERT[^;]*\bSELECT)\b", re.IGNORECASE)
_MANY: Final = re.compile(r"(\?|%\(\w+\)s(::\w+)?)(, (\?|%\(\w+\)s(::\w+)?))+")
_LIST: Final = re.compile(r"\bIN \(((?:%\(\w+\)s(?:::\w+)?(?:, )?)+)\)")
_ALIAS: Final = re.compile(
    r'(?:FROM|JOIN|UPDATE) "?(\w+)"? (?:AS )?(?!WHERE|ON|SET|JOIN|ORDER|GROUP)(\w+)', re.IGNORECASE
)
_SCAN: Final = re.compile(r"SCAN (?:TABLE )?(\w+)(?: USING (?:COVERING )?INDEX (\w+))?")


class Plans:
    """Explains each statement of the library once, on the connection that ran it.

    Attributes:
        scans: statements that read a whole table: function, table, statement.
        explained: how many statements were explained, by database and package.
    """

    def __init__(self) -> None:
        self.scans: list[tuple[str, str, str]] = []
        self.explained: set[tuple[str, str, str]] = set()
        self._known: set[tuple[str, str]] = set()

    def listen(self) -> None:
        """To every engine of the process."""
        sa.event.listen(sa.Engine, "after_cursor_execute", self.after)

    def after(
        self, connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        """Explain what was run, if it is new and the library's."""
        dialect = connection.dialect.name
        if (dialect, statement) in self._known or not _READS.match(statement):
            return
        shape = _MANY.sub("(many)", statement)
        if (dialect, shape) in self._known:
            return
        function = _asked_by()
        if function is None:
            return
        self._known |= {(dialect, statement), (dialect, shape)}
        self.explained.add((dialect, function.split(".")[0], shape))
        for table in scanned(connection, statement, parameters[0] if many else parameters):
            if function not in WHOLE:
                self.scans.append((function, f"{dialect}: whole table {table}", shape))


def _asked_by() -> str | None:
    """The library's innermost function on the stack, as ``package.module.function``; None if it is a test's."""
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_ROOT):
            package, *rest = Path(name).relative_to(_ROOT).with_suffix("").parts
            if package != "store":
                return ".".join((package, *rest, frame.f_code.co_name)) if package in PACKAGES else None
        elif "sqlalchemy" not in name and "contextlib" not in name:
            return None
        frame = frame.f_back  # type: ignore[assignment]
    return None


def scanned(connection: sa.Connection, statement: str, parameters: Any) -> set[str]:
    """The big tables that a statement reads whole, where PostgreSQL too finds no index to avoid it."""
    cursor = connection.connection.cursor()
    try:
        if connection.dialect.name == "sqlite":
            return scanned_by_sqlite(cursor, statement, parameters)
        return scanned_by_postgres(cursor, statement, parameters)
    finally:
        cursor.close()


def scanned_by_sqlite(cursor: Any, statement: str, parameters: Any) -> set[str]:
    """SQLite decides by the indexes there are, whatever is in the tables."""
    cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
    names = {alias: table for table, alias in _ALIAS.findall(statement)}
    found = (match[1] for *_, detail in cursor.fetchall() if (match := _SCAN.match(detail)) and match[2] not in PARTIAL)
    return {names.get(name, name) for name in found} & BIG


def scanned_by_postgres(cursor: Any, statement: str, parameters: Any) -> set[str]:
    """PostgreSQL reads small tables whole by choice; where it must not, what remains has no index.

    It is asked for a few of a long list: for thousands it reads a table whole that it takes for small.
    """
    few = _LIST.sub(lambda found: f"IN ({', '.join(found[1].split(', ')[:3])})", statement)
    cursor.execute("SET enable_seqscan = off")
    try:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {few}", parameters)
        ((plan,),) = cursor.fetchall()
    finally:
        cursor.execute("RESET enable_seqscan")
    return set(_whole(plan[0]["Plan"])) & BIG


def _whole(node: dict[str, Any]) -> Iterator[str]:
    kind = node["Node Type"]
    by_index = kind in ("Index Scan", "Index Only Scan")
    if kind == "Seq Scan" or (by_index and "Index Cond" not in node and node["Index Name"] not in PARTIAL):
        yield node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from _whole(child)
