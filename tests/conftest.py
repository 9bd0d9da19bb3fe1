"""What every test may ask for: real parts that must not be skipped in silence, an empty store on each database, work
that the processes of a run share."""

import fcntl
import gc
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer.testing
from hypothesis import HealthCheck, settings
from sqlalchemy.engine.default import DefaultDialect

from sbcard_core.store import Store, schema
from tests.plans import Plans

# The run draws the same examples each time, so that it fails for what was changed; `make explore` draws fresh ones.
UNTIMED: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("run", derandomize=True, database=None, max_examples=50, **UNTIMED)
settings.register_profile("explore", print_blob=True, max_examples=300, **UNTIMED)
settings.load_profile("explore" if os.environ.get("SBCARD_EXPLORE") else "run")

# The commands are made of their functions once, not for each time that a test calls one.
typer.testing._get_command = cache(typer.testing._get_command)

# A statement is compiled once for every database of its kind, not once for each test's own.
COMPILED: dict[str, Any] = {}
DefaultDialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
DefaultDialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]


@sa.event.listens_for(sa.engine.Engine, "engine_connect")
def _share_compiled(connection: sa.Connection) -> None:
    engine = connection.engine
    engine._compiled_cache = COMPILED.setdefault(engine.dialect.name, engine._compiled_cache)


# Tests press Ctrl-C; a process started in the background ignores it, and so would its children.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]
PLANS = Plans()
PLANS.listen()

REQUIRED = os.environ.get("SBCARD_REQUIRE", "")
_absent: dict[str, str] = {}
FIXED = {"schema_version", "alembic_version", "book"}
"""Tables with what a database is, not with rows of its work."""


@pytest.fixture(scope="session")
def real_part() -> Callable[[str, bool, str], None]:
    """Call ``real_part(name, present, how)``: an absent part skips the test, or fails it where it is required."""

    def demand(name: str, present: bool, how: str) -> None:
        if present:
            return
        _absent[name] = how
        if REQUIRED == "all" or name.lower() in REQUIRED.lower().split(","):
            pytest.fail(f"{name} is required here and absent: {how}")
        pytest.skip(f"{name} is absent: {how}")

    return demand


@pytest.fixture(autouse=True)
def _no_whole_tables() -> Iterator[None]:
    """No statement that the library runs in a test reads a whole table that grows."""
    yield
    found, PLANS.scans = PLANS.scans, []
    assert not found, "\n".join(map("\n  ".join, [("join by an index, or give the reason in tests/plans.py",), *found]))


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """``once("name", make)`` is a folder that ``make(folder)`` has filled, in whichever process of the run came first.

    It is read by all of them: a test that changes it takes a copy.
    """
    top = tmp_path_factory.getbasetemp()
    shared = top.parent if "PYTEST_XDIST_WORKER" in os.environ else top

    def folder(name: str, make: Callable[[Path], None]) -> Path:
        place, done = shared / name, shared / f"{name}.done"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir()
                make(place)
                done.touch()
        return place

    return folder


@pytest.fixture(scope="session")
def replayed(once: Callable[[str, Callable[[Path], None]], Path]) -> Callable[..., Path]:
    """``replayed("name", "--seed", "2")``: the working folder of ``sbcard replay``, run once by that name."""

    def folder(name: str, *arguments: str, **env: str) -> Path:
        def replay(place: Path) -> None:
            command = [sys.executable, "-m", "sbcard_core.cli", "replay", "hunan-2014-07", *arguments]
            where = {**os.environ, "PYTHONPATH": str(ROOT), **env}
            done = subprocess.run(command, cwd=place, env=where, capture_output=True, check=False)
            assert done.returncode == 0, (done.stdout + done.stderr).decode("utf-8", "replace")

        return once(f"replay-{name}", replay)

    return folder


@pytest.fixture(scope="session")
def small_month(replayed: Callable[..., Path]) -> Path:
    """Where the month was replayed at the smallest scale, in the locale of a bare container."""
    return replayed("small", "--scale", "0.0001", LC_ALL="C")


@pytest.fixture(scope="session")
def pa(real_part: Callable[[str, bool, str], None]) -> Any:
    """The module pyarrow: of the extra ``bulk``, so absent from a plain environment."""
    real_part("pyarrow", importlib.util.find_spec("pyarrow") is not None, "pip install 'sbcard-core[bulk]'")
    return importlib.import_module("pyarrow")


@pytest.fixture(scope="session")
def _postgres(real_part: Callable[[str, bool, str], None]) -> Iterator[str]:
    """A private PostgreSQL server on a Unix socket, gone at the end of the session."""
    bins = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    real_part("PostgreSQL", bool(bins), "apt install postgresql")
    home = tempfile.mkdtemp(prefix="pg")  # short: a socket path has at most 107 bytes
    as_user: list[str] = []
    if os.geteuid() == 0:  # initdb refuses root
        shutil.chown(home, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]

    def run(tool: str, *arguments: str) -> None:
        command = [*as_user, str(bins[-1] / tool), "-D", f"{home}/d", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync")
    options = f"-k {home} -c listen_addresses='' -c fsync=off -c full_page_writes=off -c autovacuum=off"
    run("pg_ctl", "-w", "-l", f"{home}/log", "-o", options, "start")
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={home}"
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)


SHAPE = """
    SELECT md5(string_agg(part, '|' ORDER BY part)) FROM (
        SELECT concat_ws(' ', relname, relkind, relnatts) FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', tgname, tgrelid::regclass, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT concat_ws(' ', conname, conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT concat('version ', schema_version::text) FROM schema_version
        UNION ALL SELECT concat('revision ', alembic_version::text) FROM alembic_version
        UNION ALL SELECT concat('book ', book::text) FROM book
    ) AS shape (part)
"""
EMPTY = "".join(
    (
        "SET session_replication_role = replica;",  # neither triggers nor references
        *(f'DELETE FROM "{name}";' for name in sorted({*schema.metadata.tables} - FIXED)),
        "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S';",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
        " WHERE datname = current_database() AND pid <> pg_backend_pid();",
    )
)


class _Databases:
    """Databases on a server; those with tables are emptied and used again: making one takes longer than most tests."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._names = itertools.count()
        self._idle: list[str] = []
        self._do("postgres", "CREATE DATABASE with_tables")
        Store.open(self.address("with_tables"), sample=True).close()
        self._shape = self._do("with_tables", SHAPE)

    def address(self, name: str) -> str:
        return self._server.replace("/postgres?", f"/{name}?")

    def _do(self, name: str, command: str) -> Any:
        engine = sa.create_engine(self.address(name), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            done = connection.exec_driver_sql(command)
            return done.scalar() if done.returns_rows else None

    def _is_as_new(self, name: str) -> bool:
        """Whether a used database could be emptied: not one that a test has altered."""
        with suppress(sa.exc.DBAPIError):
            if self._do(name, SHAPE) == self._shape:
                self._do(name, EMPTY)
                return True
        return False

    @contextmanager
    def make(self, template: str) -> Iterator[str]:
        """``with make("with_tables") as url``: one without a row in it; ``make("")``: one without a table."""
        if template and self._idle:
            name = self._idle.pop()
        else:
            name = f"test{next(self._names)}"
            self._do("postgres", f"CREATE DATABASE {name} TEMPLATE {template or 'template1'}")
        try:
            yield self.address(name)
        finally:
            if template and self._is_as_new(name):
                self._idle.append(name)
            else:
                self._do("postgres", f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def new_database(_postgres: str) -> Callable[[str], AbstractContextManager[str]]:
    """``with new_database("with_tables") as url``, or "" for an empty one: a test's own while it lasts."""
    return _Databases(_postgres).make


@pytest.fixture
def postgres_url(new_database: Callable[[str], AbstractContextManager[str]]) -> Iterator[str]:
    """The address of a database on PostgreSQL without a row in it, to be opened as a store."""
    with new_database("with_tables") as url:
        yield url


@pytest.fixture(scope="session")
def _empty_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of SQLite without a row in it."""
    path = tmp_path_factory.mktemp("empty") / "books.sqlite"
    Store.open(f"sqlite:///{path}", sample=True).close()
    return path


def _address(template: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if request.param == "sqlite":
        if template:
            shutil.copy(request.getfixturevalue("_empty_book"), folder / "books.sqlite")
        yield f"sqlite:///{folder}/books.sqlite"
        return
    with request.getfixturevalue("new_database")(template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without a table in it."""
    yield from _address("", request, tmp_path)


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without a row in it, to be opened as a store."""
    yield from _address("with_tables", request, tmp_path)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An open store without a row in it."""
    with Store.open(store_url, sample=True) as opened:
        yield opened


SERVICE = tuple(f"tests/readers/test_{name}" for name in ("pcsc", "plug_events", "contract", "protocols", "sim_serve"))
"""They take turns at the machine's one PC/SC service, so one process runs them all, and mostly waits."""
APART = "tests/replay/"
"""Tests that share what they need by ``once``, so that any process may run any of them."""
FIRST = (
    *SERVICE,
    APART,
    "tests/engines/",
    "tests/ledger/test_ledger_faults",
    "tests/payout/test_payout_kill",
    "tests/package/",
)
"""What takes longest begins first, so that several processes end together."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One process runs a file, whose fixtures are made once."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith(SERVICE):
                return "service"
            return nodeid if nodeid.startswith(APART) else nodeid.partition("::")[0]

    return ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest files first; the large counts by ``make soak`` alone."""
    items.sort(key=lambda item: next((at for at, name in enumerate(FIRST) if item.nodeid.startswith(name)), len(FIRST)))
    if os.environ.get("SBCARD_SOAK"):
        return
    large = [item for item in items if item.get_closest_marker("soak")]
    if large:
        config.hook.pytest_deselected(items=large)
        items[:] = [item for item in items if item not in large]


def pytest_collection_finish() -> None:
    """What was collected stays: the collector of garbage need not go through it again and again."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes tells the first what was absent."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["absent"] = _absent


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _absent.update(getattr(node, "workeroutput", {}).get("absent", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for name, how in sorted(_absent.items()):
        terminalreporter.write_line(f"not tested here: {name} is absent ({how})")
