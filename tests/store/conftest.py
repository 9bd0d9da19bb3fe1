"""The two databases of the ledger's tests."""

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location("ledger_conftest", Path(__file__).parent.parent / "ledger/conftest.py")
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
postgres_url, store_url = _module.postgres_url, _module.store_url
