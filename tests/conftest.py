"""What every test may ask for: real parts that must not be skipped in silence, and an empty store on each database."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sbcard_core.store import Store, schema

REQUIRED = os.environ.get("SBCARD_REQUIRE", "")
_absent: dict[str, str] = {}


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


@pytest.fixture(scope="session")
def pa(real_part: Callable[[str, bool, str], None]) -> Any:
    """The module pyarrow: of the extra ``bulk``, so absent from a plain environment."""
    real_part("pyarrow", importlib.util.find_spec("pyarrow") is not None, "pip install 'sbcard-core[bulk]'")
    return importlib.import_module("pyarrow")


@pytest.fixture(scope="session")
def postgres_url(real_part: Callable[[str, bool, str], None]) -> Iterator[str]:
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
    options = f"-k {home} -c listen_addresses='' -c fsync=off -c full_page_writes=off"
    run("pg_ctl", "-w", "-l", f"{home}/log", "-o", options, "start")
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={home}"
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/books.sqlite"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An open store without a row in it."""
    with Store.open(store_url) as opened:
        yield opened
        if opened.engine.dialect.name == "postgresql":
            schema.metadata.drop_all(opened.engine)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The large counts run by ``make soak`` alone."""
    if os.environ.get("SBCARD_SOAK"):
        return
    large = [item for item in items if item.get_closest_marker("soak")]
    if large:
        config.hook.pytest_deselected(items=large)
        items[:] = [item for item in items if item not in large]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, how in sorted(_absent.items()):
        terminalreporter.write_line(f"not tested here: {name} is absent ({how})")
