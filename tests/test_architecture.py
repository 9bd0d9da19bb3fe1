"""The house rules as tests: one direction of imports, light starts, no leftovers, no secrets of the build machine."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("apdu", "readers", "sbcard_core")

# A row may import only rows below it; rooms of one row do not import each other.
FLOORS = [
    ["sbcard_core.cli", "sbcard_core.replay"],
    ["readers"],
    ["sbcard_core.backend", "sbcard_core.engines"],
    ["sbcard_core.bulletin"],
    [
        "sbcard_core.registry",
        "sbcard_core.medical",
        "sbcard_core.payout",
        "sbcard_core.premiums",
        "sbcard_core.clearing",
    ],
    ["sbcard_core.ledger", "sbcard_core.hosts", "sbcard_core.eligibility", "sbcard_core.officers"],
    ["sbcard_core.store"],
    ["sbcard_core.card", "sbcard_core.validation"],
    ["sbcard_core.crypto", "sbcard_core.fields", "sbcard_core.calendar"],
    ["apdu"],
    ["sbcard_core._kernels"],
    ["sbcard_core._fast", "sbcard_core._reference"],
    ["sbcard_core.arrow", "sbcard_core.arrow_text"],
    ["sbcard_core.values", "sbcard_core.errors", "sbcard_core.messages", "sbcard_core.files"],
]
LEVEL = {room: len(FLOORS) - level for level, rooms in enumerate(FLOORS) for room in rooms}

# What sits side by side and may still be used by its neighbour.
NEIGHBOURS = {
    ("sbcard_core.arrow_text", "sbcard_core.arrow"),  # reading tables needs the structs
    ("sbcard_core.values", "sbcard_core.errors"),  # the ground is one row, in this order
    ("sbcard_core.values", "sbcard_core.messages"),
    ("sbcard_core.errors", "sbcard_core.messages"),
    ("sbcard_core.files", "sbcard_core.errors"),
    ("sbcard_core.files", "sbcard_core.messages"),
    ("sbcard_core.files", "sbcard_core.values"),
    ("sbcard_core.cli", "sbcard_core.replay"),  # the command that starts the replay
}
READERS_MAY_NOT_IMPORT = ("sbcard_core.backend", "sbcard_core.registry", "sbcard_core.ledger")
ONLY_ROOMS_THAT_IMPORT_READERS = ("sbcard_core.cli", "sbcard_core.replay", "readers")
SIMULATORS_MAY_NOT_IMPORT = ("sbcard_core.card", "sbcard_core.crypto", "sbcard_core._fast", "sbcard_core._kernels")


def room_of(module: str) -> str | None:
    """The room a module lies in, or None for the bare package ``sbcard_core``."""
    return max((room for room in LEVEL if module == room or module.startswith(room + ".")), key=len, default=None)


def modules() -> list[tuple[str, Path]]:
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return found


def imports(path: Path, module: str) -> set[str]:
    """Every project module that ``path`` imports, inside functions too."""
    names: set[str] = set()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join(
                    [*package.split(".")[: len(package.split(".")) - node.level + 1], *filter(None, [base])]
                )
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] in PACKAGES}


@cache
def edges() -> list[tuple[str, str]]:
    """Who imports whom."""
    return [(module, name) for module, path in modules() for name in sorted(imports(path, module))]


def test_every_module_has_a_room() -> None:
    homeless = [module for module, _ in modules() if room_of(module) is None and module != "sbcard_core"]
    assert homeless == []


def test_imports_run_one_way() -> None:
    wrong = []
    for module, name in edges():
        source, target = room_of(module), room_of(name)
        if source is None or target is None or source == target or (source, target) in NEIGHBOURS:
            continue
        if LEVEL[target] >= LEVEL[source]:
            wrong.append(f"{module} imports {name}")
    assert wrong == []


def test_only_the_top_floor_knows_readers() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, name in edges()
        if name.split(".")[0] == "readers" and not module.startswith(ONLY_ROOMS_THAT_IMPORT_READERS)
    ]
    assert wrong == []


def test_readers_do_not_know_the_back_office() -> None:
    assert [
        edge for edge in edges() if edge[0].startswith("readers") and edge[1].startswith(READERS_MAY_NOT_IMPORT)
    ] == []


def test_card_and_host_share_no_mistake() -> None:
    """The simulators write layouts and cryptograms themselves."""
    wrong = [e for e in edges() if e[0].startswith("readers.sim") and e[1].startswith(SIMULATORS_MAY_NOT_IMPORT)]
    assert wrong == []


def test_only_the_chooser_imports_kernels() -> None:
    kernels = ("sbcard_core._fast", "sbcard_core._reference")
    wrong = [e for e in edges() if e[1].startswith(kernels) and not e[0].startswith((*kernels, "sbcard_core._kernels"))]
    assert wrong == []


HEAVY = ("numpy", "cryptography", "sqlalchemy", "smartcard", "xlsxwriter", "jinja2", "typer", "rich")
LIGHT = {
    **dict.fromkeys(["sbcard_core", "apdu", "sbcard_core.crypto.mac", "sbcard_core.errors"], HEAVY),
    "sbcard_core.cli.app": HEAVY[:-2],
}
"""Modules, and what none of their imports may load: a command starts with its options alone."""


@pytest.mark.parametrize(("module", "heavy"), LIGHT.items())
def test_imports_stay_light(module: str, heavy: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print([n for n in {heavy!r} if n in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert out.stdout.strip() == "[]"


BANNED = {
    "the clock (pass time in)": re.compile(r"\b(datetime\.now|datetime\.utcnow|date\.today|time\.time)\("),
    "global randomness (pass it in)": re.compile(r"^\s*(import random\b|from random import (?!Random\b))", re.M),
    "Python's gb2312 codec": re.compile(r"""(code\(|encoding=|codec=)\s*['"]gb2312['"]""", re.I),
    "a leftover": re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b"),
    "a silent import failure": re.compile(r"except ImportError:\s*\n\s*pass"),
    "float money": re.compile(r"\bfloat\([^)]*(fen|yuan|amount)"),
}


MAY = {"the clock (pass time in)": ("sbcard_core.cli",)}  # a command starts with the clerk's own day


@pytest.mark.parametrize("what", BANNED)
def test_banned(what: str) -> None:
    found = [
        str(path.relative_to(ROOT))
        for module, path in modules()
        if BANNED[what].search(path.read_text("utf-8")) and not module.startswith(MAY.get(what, ("-",)))
    ]
    assert found == []


def test_files_have_one_idea() -> None:
    long = {str(path.relative_to(ROOT)): n for _, path in modules() if (n := path.read_text("utf-8").count("\n")) > 400}
    assert long == {}


def test_every_package_is_typed() -> None:
    assert [package for package in PACKAGES if not (ROOT / package / "py.typed").is_file()] == []
