"""Modules of the packages are imported by name before pytest collects their doctests.

Left alone, pytest imports the parent package and then runs the module's file once more, although the package has
imported it already: a second copy of its classes, which nothing else catches or compares equal. Tests have no doctests.
"""

import importlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from _pytest.doctest import DoctestModule

ROOT = Path(__file__).parent
PACKAGES = ("apdu", "readers", "sbcard_core")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path) -> Generator[None, list[Any], list[Any]]:
    parts = file_path.relative_to(ROOT).with_suffix("").parts
    if parts[0] in PACKAGES and file_path.suffix == ".py" and parts[-1] != "__main__":
        importlib.import_module(".".join(parts).removesuffix(".__init__"))
    found = yield
    return found if parts[0] in PACKAGES else [of for of in found if not isinstance(of, DoctestModule)]
