"""Modules of the packages are imported by name before pytest collects their doctests.

Left alone, pytest imports the parent package and then runs the module's file once more, although the package has
imported it already: a second copy of its classes, which nothing else catches or compares equal.
"""

import importlib
from pathlib import Path

ROOT = Path(__file__).parent
PACKAGES = ("apdu", "readers", "sbcard_core")


def pytest_collect_file(file_path: Path) -> None:
    parts = file_path.relative_to(ROOT).with_suffix("").parts
    if parts[0] in PACKAGES and file_path.suffix == ".py" and parts[-1] != "__main__":
        importlib.import_module(".".join(parts).removesuffix(".__init__"))
