"""docs/eligibility.md: its program prints what it says, and its table is that of the rules."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from sbcard_core.eligibility import DEFAULT_RULES, Answer, Purpose
from sbcard_core.values import LifeStatus

PAGE = (Path(__file__).resolve().parents[2] / "docs/eligibility.md").read_text("utf-8")
WORDS = {Answer.REFUSE: "refused", Answer.REFER: "referred"}


def test_the_program_prints_what_the_page_has() -> None:
    ((code, said),) = re.findall(r"```python\n(.*?)```\n\nprints `(.*?)`", PAGE, re.S)
    shown = StringIO()
    with redirect_stdout(shown):
        exec(compile(code, "docs/eligibility.md", "exec"), {})
    assert shown.getvalue().strip() == said


def test_the_table_is_that_of_the_rules() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]* \| (\w+)", PAGE, re.M))
    assert rows == {purpose.name: WORDS[DEFAULT_RULES[purpose].life[LifeStatus.DEAD]] for purpose in Purpose}
