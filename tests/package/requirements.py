"""What an extra of pyproject.toml asks for, one requirement a line: ``python tests/package/requirements.py test``.

An installation of these leaves the package itself, and its kernels, as they are.
"""

import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def wanted(*extras: str) -> list[str]:
    """The requirements of ``extras``, in order."""
    offered = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]["optional-dependencies"]
    return [line for extra in extras for line in offered[extra]]


if __name__ == "__main__":
    print(*wanted(*sys.argv[1:]), sep="\n")
