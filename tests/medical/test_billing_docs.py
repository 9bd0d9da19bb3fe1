"""docs/billing.md says what the code does: every example is computed again, every trace and program compared."""

import re
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from importlib import resources
from pathlib import Path

import pytest

from sbcard_core.medical import (
    Accumulators,
    FeeLine,
    Grade,
    Policy,
    Split,
    Visit,
    VisitKind,
    parse,
    sample_catalogue,
    samples,
    split,
)
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


def compute(bill: str, tables: Sequence[Policy] = samples()) -> Split:
    said: dict[str, list[str]] = {}
    for row in bill.splitlines():
        name, _, value = row.partition(" ")
        said.setdefault(name, []).append(value.strip())
    policy = next(p for p in tables if [p.insutype] == said["insurance"])
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


ALTERED = [
    (0, "3 = [90000] }   # by level", "3 = [90001] }   # by level"),
    (0, "{ upto_fen = 1000000,", "{ upto_fen = 1000100,"),
    (0, "3 = 8400", "3 = 8401"),
    (0, "3 = 8800", "3 = 8799"),
    (0, "ratio_bp = 4000", "ratio_bp = 4001"),
    (0, 'group = "civil_servant"', 'group = "others"'),
    (0, 'account_scope = ["inscp_scp_amt", "preselfpay_amt"]', "account_scope = []"),
    (0, "fund_sum_includes_account = false", "fund_sum_includes_account = true"),
    (0, "overlimit_by_hospital = false", "overlimit_by_hospital = true"),
    (1, "pay_cap_fen = 150000", "pay_cap_fen = 150001"),
    (1, "{ 1 = 7000,", "{ 1 = 1999,"),
    (1, "{ 1 = [10000], 2 = [20000]", "{ 1 = [55000], 2 = [20000]"),
    (2, "2 = [50000, 30000]", "2 = [50000, 30001]"),
    (2, "upto_fen = 8000000", "upto_fen = 8000100"),
    (2, "2 = 7500", "2 = 7501"),
    (2, "upto_fen = 3000000, ratio_bp = { 1 = 5000, 2 = 5000", "upto_fen = 3000000, ratio_bp = { 1 = 5000, 2 = 5001"),
    (2, "ratio_bp = 5000", "ratio_bp = 5001"),
    (2, 'basis = "above"', 'basis = "burden"'),
    (3, 'family_scope = ["inscp_scp_amt", "preselfpay_amt", "overlmt_selfpay"]', "family_scope = []"),
    (3, "{ 0 = [0] }", "{ 0 = [1] }"),
    (4, "deductible_bp = 15000", "deductible_bp = 15001"),
    (4, "ratio_cut_bp = 2000", "ratio_cut_bp = 1999"),
    (4, "2 = 8700", "2 = 8701"),
]


@pytest.mark.parametrize(("example", "old", "new"), ALTERED)
def test_an_altered_table_changes_the_example(example: int, old: str, new: str) -> None:
    bill, printed = EXAMPLES[example]
    name = "resident" if "insurance resident" in bill else "employee"
    text = (resources.files("sbcard_core.medical") / "policies" / f"{name}-sample.toml").read_text("utf-8")
    assert old in text
    s = compute(bill, [parse(text.replace(old, new))])
    assert dict(row.split() for row in printed.splitlines()) != {
        name: yuan(fen) for name in AMOUNT_FIELDS if (fen := getattr(s, name))
    }


def test_all_that_is_bundled_is_marked_and_named_as_sample() -> None:
    package = resources.files("sbcard_core.medical")
    files = [file for folder in ("policies", "catalogues") for file in (package / folder).iterdir()]
    assert all(file.name in TEXT for file in files)
    assert len(files) == len(samples()) + 1
    assert {policy.sample for policy in samples()} == {sample_catalogue().sample} == {True}


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
