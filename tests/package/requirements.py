"""What pyproject.toml asks for, one requirement a line: ``python tests/package/requirements.py [--oldest] EXTRA…``.

``--oldest`` pins the library's own requirements and those of the extras to the lowest version they allow. An
installation of the others leaves the package itself, and its kernels, as they are.
"""

import re
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def wanted(*extras: str) -> list[str]:
    """The requirements of ``extras``, in order."""
    offered = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]["optional-dependencies"]
    return [line for extra in extras for line in offered[extra]]


def oldest(*extras: str) -> list[str]:
    """Each package once, of the lowest version that is allowed.

    Example:
        >>> [line for line in oldest() if line.startswith("numpy")]
        ['numpy==1.26']
    """
    project = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]
    found = dict(_split(line) for line in (*project["dependencies"], *wanted(*extras)) if ";" not in line)
    return [f"{name}=={version}" for name, version in sorted(found.items())]


def _split(requirement: str) -> tuple[str, str]:
    name, version = re.fullmatch(r"([\w.\[\]-]+)>=([\d.]+)", requirement).groups()  # type: ignore[union-attr]
    return name, version


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--oldest"]
    print(*(oldest if "--oldest" in sys.argv else wanted)(*arguments), sep="\n")
