"""The page for bureau programmers: its code runs in one folder, and its tables say what the library does."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from sbcard_core.fields import citizen_id
from sbcard_core.validation import repair
from sbcard_core.validation.layouts import SPECS
from sbcard_core.validation.spec import COLLECTION

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/validation.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
SAID = """\
430100.csv 3 id_number.check 430102********002* 社会保障号码校验码不符
430100.csv 4 name.dot 买****** 姓名间隔号不规范,已改为“·”
430100.csv 5 record.footer  该行是合计、制表人等表尾,不是记录,已隔离
4 = 2 1 1
1 ['account_no.luhn', 'amount.format']
collection 12 unique by name birth sex
application 19 unique by name birth sex
opening_request 6 unique by name
opening_result 6 repeat
back_file 15 repeat
payout_line 6 repeat
1 2
2
2 0 2
"""


def number(serial: int) -> str:
    body = f"43010219491231{serial:03}"
    return body + citizen_id.check_digit(body)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    wrong = number(2)[:17] + ("1" if number(2)[17] != "1" else "2")
    rows = [
        f"{at},F{at},{given},{name},2,01,19491231,13800138000,4,430102,103,20140701"
        for at, (given, name) in enumerate([(number(4), "张三"), (wrong, "李四"), (number(6), "买买提．阿不都")])
    ]
    header = ",".join(field.header for field in COLLECTION.fields)
    (tmp_path / "collected").mkdir()
    (tmp_path / "collected/430100.csv").write_bytes("\r\n".join([header, *rows, "合计:,3人"]).encode("gb18030"))
    lines = [
        "H|PAYREQ|B1|2",
        f"D|1|6228480010000000018|张三|{number(4)}|100|养老金",
        f"D|2|6228480402564890018|李四|{number(6)}|0|养老金",
        "T|2|100",
    ]
    (tmp_path / "payout.txt").write_bytes("\n".join(lines).encode("gb18030"))
    return tmp_path


def test_every_block_runs(folder: Path, real_part: Callable[[str, bool, str], None]) -> None:
    real_part("python_calamine", find_spec("python_calamine") is not None, "pip install 'sbcard-core[bulk]'")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    command = [sys.executable, "-c", "\n".join(BLOCKS)]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode("utf-8")
    said = re.sub(r"(430102\*{8}002)\S", r"\1*", done.stdout.decode("utf-8").replace("\r\n", "\n"))
    assert said == SAID
    assert (folder / "430100.csv.quarantine").read_bytes() == "合计:,3人".encode("gb18030")
    assert (folder / "corrected.csv").exists()


def test_the_check_takes_ten_lines() -> None:
    assert sum(bool(line.strip()) for line in BLOCKS[0].splitlines()) <= 10


def test_the_tables_name_what_there_is() -> None:
    for name, repeats in re.findall(r"^\| `(\w+)` \| .* \| (no|yes|has no number) \|$", PAGE, re.M):
        spec = SPECS[name]
        numbered = any(field.field == "id_number" for field in spec.fields)
        assert repeats == ("has no number" if not numbered else "no" if spec.same else "yes")
    assert all(f"| `{name}` |" in PAGE for name in SPECS)
    policies = re.findall(r"^\| `([A-Z]+_[A-Z_]+)`", PAGE, re.M)
    assert policies == ["ASK_ALWAYS", "FORM_AT_ONCE", "ALL_LOSSLESS"]
    assert all(isinstance(getattr(repair, name), repair.RepairPolicy) for name in policies)
