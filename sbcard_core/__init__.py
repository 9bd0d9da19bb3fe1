"""sbcard-core: card lifecycle and transaction backend for China's Social Security Card (社会保障卡).

The rooms are imported by name, e.g. ``from sbcard_core.fields import citizen_id``;
this module stays light. A checkout whose kernels are not built refuses to be
imported, because slow twins must never stand in for them unnoticed;
``SBCARD_CPU=reference`` chooses the twins on purpose.
"""

import os as _os
from importlib.util import find_spec as _find_spec

__version__ = "0.1.0"

if _find_spec("sbcard_core._fast.cpu") is None and _os.environ.get("SBCARD_CPU") != "reference":
    from sbcard_core.errors import MissingPart as _MissingPart

    raise _MissingPart(
        "the compiled kernels of sbcard-core are not built in this checkout",
        step="import sbcard_core",
        term="编译扩展",
        advice="run `pip install .`, or `make build` in a clone; SBCARD_CPU=reference runs the slow twins instead",
    )
