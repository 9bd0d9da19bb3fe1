"""The only chooser of kernels: compiled code at the best level this processor runs.

Levels from weak to strong: portable, sse2, aesni, avx2, vaes. A kernel is
written for some of them; asked for a level, it runs at its best one not above.

``SBCARD_CPU=<level>`` sets that ceiling; ``SBCARD_CPU=reference`` runs the
readable Python twins. A missing extension is an error with the way out, never
a silent change to slow code.
"""

import importlib
import os
from functools import cache
from types import ModuleType

from sbcard_core.errors import InvalidValue, MissingPart


def _load(name: str) -> ModuleType:
    try:
        return importlib.import_module(f"sbcard_core._fast.{name}")
    except ImportError as error:
        raise MissingPart(
            "the compiled kernels of sbcard-core are not built in this checkout",
            step=f"import sbcard_core._fast.{name}",
            term="编译扩展",
            advice="run `pip install .` (or `make build` in a clone, which builds them in place); "
            "SBCARD_CPU=reference runs the slow Python twins on purpose",
        ) from error


@cache
def machine_levels() -> tuple[str, ...]:
    """The levels this processor runs, weakest first."""
    levels: tuple[str, ...] = _load("cpu").levels()
    return levels


def kernel_levels(name: str) -> list[str]:
    """The levels of kernel ``name`` that run here, the readable twin first: what a test goes through."""
    return ["reference", *(level for level in _load(name).LEVELS if level in machine_levels())]


def choose(name: str, wanted: str | None = None) -> tuple[ModuleType, str]:
    """The module that holds kernel ``name`` and the level to call it with.

    Args:
        name: e.g. ``"idcheck"``.
        wanted: the highest level to use, or None for the environment's SBCARD_CPU, or else the best.

    Raises:
        MissingPart: the extension is not built.
        InvalidValue: this processor has no such level.
    """
    return _choose(name, wanted or os.environ.get("SBCARD_CPU") or "")


@cache
def _choose(name: str, wanted: str) -> tuple[ModuleType, str]:
    if wanted == "reference":
        return importlib.import_module(f"sbcard_core._reference.{name}"), wanted
    module, levels = _load(name), machine_levels()
    if wanted and wanted not in levels:
        raise InvalidValue(
            f"SBCARD_CPU={wanted} is not available here",
            step="kernels.choose",
            advice=f"use one of reference, {', '.join(levels)}",
        )
    allowed = levels[: levels.index(wanted) + 1] if wanted else levels
    return module, [level for level in module.LEVELS if level in allowed][-1]
