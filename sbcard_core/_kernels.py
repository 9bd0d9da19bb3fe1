"""The only chooser of kernels: compiled code at the best level this processor runs.

``SBCARD_CPU=portable|avx2`` forces a level; ``SBCARD_CPU=reference`` runs the
readable Python twins. A missing extension is an error with the way out, never
a silent change to slow code.
"""

import importlib
import os
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


def choose(name: str, wanted: str | None = None) -> tuple[ModuleType, str]:
    """The module that holds kernel ``name`` and the level to call it with.

    Args:
        name: e.g. ``"idcheck"``.
        wanted: a level, or None for the environment's SBCARD_CPU, or else the best.

    Raises:
        MissingPart: the extension is not built.
        InvalidValue: this processor (or build) has no such level.
    """
    wanted = wanted or os.environ.get("SBCARD_CPU") or None
    if wanted == "reference":
        return importlib.import_module(f"sbcard_core._reference.{name}"), wanted
    module = _load(name)
    levels: tuple[str, ...] = module.levels()
    if wanted is None:
        return module, levels[-1]
    if wanted not in levels:
        raise InvalidValue(
            f"SBCARD_CPU={wanted} is not available here",
            step="kernels.choose",
            advice=f"use one of reference, {', '.join(levels)}",
        )
    return module, wanted
