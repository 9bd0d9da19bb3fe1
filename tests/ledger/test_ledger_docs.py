"""docs/ledger.md: its programs print what it says, on both databases, and its table of statuses is the code's."""

import contextlib
import io
import re
from pathlib import Path

from sbcard_core.ledger import TransferStatus
from sbcard_core.store import Store

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "ledger.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.M | re.S)


def test_every_program_prints_what_the_page_says(store: Store, store_url: str) -> None:
    names: dict[str, object] = {"url": store_url}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for kind, block in BLOCKS:
            if kind == "python":
                exec(compile(block, "docs/ledger.md", "exec"), names)
    opened = names["store"]
    assert isinstance(opened, Store)
    opened.close()
    assert printed.getvalue() == "".join(block for kind, block in BLOCKS if kind == "text")
    assert {kind for kind, _ in BLOCKS} == {"python", "text"}


def test_the_table_of_statuses_is_whole_and_in_order() -> None:
    rows = re.findall(r"^\| ([A-Z_]+) \| (yes)? ?\| (.+) \|$", TEXT, re.M)
    assert [(name, bool(yes)) for name, yes, _ in rows] == [(s.name, s.is_transient) for s in TransferStatus]
