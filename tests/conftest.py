"""What every test may ask for: kernel levels, and real parts that must not be skipped in silence."""

import importlib.util
import os
from collections.abc import Callable
from typing import Any

import pytest

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
