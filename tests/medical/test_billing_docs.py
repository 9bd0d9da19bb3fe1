"""docs/billing.md says what the code does: every example is computed again, every trace and program compared."""

import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from sbcard_core.medical import Accumulators, FeeLine, Grade, Split, Visit, VisitKind, samples, split
from sbcard_core.medical.split import AMOUNT_FIELDS
from sbcard_core.values import parse_yuan, yuan

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "billing.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.M | re.S)
GRADES = {"甲": Grade.A, "乙": Grade.B, "丙": Grade.C}
EXAMPLES = [
    (bill, next(text for kind, text in BLOCKS[place:] if kind == "split"))
    for place, (kind, bill) in enumerate(BLOCKS)
    if kind == "bill"
]


def fee(text: str) -> FeeLine:
    item, grade, amount, *rest = text.split()
    extra = dict(zip(rest[::2], rest[1::2], strict=True))
    fen = parse_yuan(amount)
    limit = extra.get("limit")
    share = int(extra.get("share", "0%").removesuffix("%")) * 100
    values = {"pric": fen, "pric_uplmt_amt": parse_yuan(limit)} if limit else {}
    decimals = {name: Decimal(value) for name, value in values.items()}
    return FeeLine(item, GRADES[grade], fen, selfpay_prop_bp=share, **decimals)


def compute(bill: str) -> Split:
    said: dict[str, list[str]] = {}
    for row in bill.splitlines():
        name, _, value = row.partition(" ")
        said.setdefault(name, []).append(value.strip())
    policy = next(p for p in samples() if [p.insutype] == said["insurance"])
    year = {name: int(number) for name, number in (value.split() for value in said.get("year", []))}
    visit = Visit(
        said["level"][0],
        frozenset(said.get("groups", [])),
        parse_yuan(said.get("account", ["0"])[0]),
        kind=VisitKind(said["kind"][0]),
        remote=said.get("remote", [""])[0],
        family_fen=parse_yuan(said.get("family", ["0"])[0]),
    )
    return split([fee(text) for text in said["line"]], policy, Accumulators(**year), visit)


@pytest.mark.parametrize(("bill", "expected"), EXAMPLES, ids=[bill.split()[3] for bill, _ in EXAMPLES])
def test_an_example_is_what_the_code_computes(bill: str, expected: str) -> None:
    s = compute(bill)
    printed = dict(row.split() for row in expected.splitlines())
    assert printed == {name: yuan(fen) for name in AMOUNT_FIELDS if (fen := getattr(s, name))}


def test_the_trace_is_the_one_printed() -> None:
    (trace,) = [text for kind, text in BLOCKS if kind == "trace"]
    assert compute(EXAMPLES[0][0]).explain() == trace.splitlines()


def test_the_program_prints_what_it_says() -> None:
    (program,), (output,) = ([text for kind, text in BLOCKS if kind == name] for name in ("python", "output"))
    done = subprocess.run([sys.executable, "-X", "utf8", "-c", program], capture_output=True, cwd=ROOT, check=False)
    assert done.stderr.decode("utf-8") == ""
    assert done.stdout.decode("utf-8").splitlines() == output.splitlines()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 5
