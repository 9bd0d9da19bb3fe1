"""From collected file to bank, premium and pension: one person in any spelling, any bank by its code."""

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from sbcard_core.backend import Backend
from sbcard_core.hosts import bankfile
from sbcard_core.officers import Officer, Officers
from sbcard_core.payout import RollLine, Standing
from sbcard_core.premiums import Insured, IssueStatus
from sbcard_core.registry import enrolment
from sbcard_core.registry.openings import Openings
from sbcard_core.store import Store, schema
from sbcard_core.validation.check import check_files
from sbcard_core.validation.spec import COLLECTION
from sbcard_core.values import CardState, PersonCategory

HEADER = ",".join(field.header for field in COLLECTION.fields)
DAY = date(2014, 7, 31)
OFFICERS = Officers([Officer("zhang", "张制表")])
NUMBER, NAME = "11010519491231002X", "买买提·阿不都"
WIDE = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")
NUMBERS = [NUMBER, NUMBER.lower(), NUMBER.translate(WIDE), "110105-19491231-002x", f"'{NUMBER}", f" {NUMBER}\u200b"]
NAMES = [NAME, "买买提•阿不都", "买买提．阿不都", " 买买提 · 阿不都", "买买提\u200b·阿不都"]


def file(path: Path, rows: list[tuple[str, str, str]], born: str = "19491231", first: int = 1) -> Path:
    """A collected file: number, name and bank of each record."""
    lines = [
        f"{at},F{at:08d},{number},{name},2,01,{born},138{at:08d},4,430102,{bank},20140701"
        for at, (number, name, bank) in enumerate(rows, first)
    ]
    path.write_bytes("\r\n".join([HEADER, *lines, ""]).encode("utf-8-sig"))
    return path


@given(st.lists(st.tuples(st.sampled_from(NUMBERS), st.sampled_from(NAMES)), min_size=1, max_size=4))
@settings(max_examples=12)
def test_any_spelling_gives_one_person_from_file_to_premium_and_pension(spelled: list[tuple[str, str]]) -> None:
    with TemporaryDirectory() as folder, Backend.open("sqlite://", sample=True, officers=OFFICERS) as backend:
        for at, (number, name) in enumerate(spelled):
            path = file(Path(folder, f"{at}.csv"), [(number, name, "103")], first=at + 1)
            total = enrolment.enrol(backend.store, check_files([path], on=DAY)).total()
            assert (total.accepted, total.enrolled) == (1, int(at == 0))
        people = [Insured(number, name, PersonCategory.RURAL, "resident-medical") for number, name in spelled]
        statuses = backend.premiums.issue("2014", DAY, people).statuses
        assert statuses == [IssueStatus.ISSUED, *[IssueStatus.EXISTS] * (len(spelled) - 1)]
        account = Standing(
            spelled[0][0], bank="783", account_no="6228 4800 0000 0000 018", account_state=CardState.NORMAL
        )
        assert backend.payout.tell([account], on=DAY) == 1
        lines = [RollLine(number, name, 1000, "'6228480000000000018") for number, name in spelled]
        roll = backend.payout.draft("pension", "2014年9月", lines, on=DAY, by="zhang")
        assert (roll.period, backend.payout.status(roll.roll_no).total_fen) == ("2014-09", 1000)
        assert {one.code for one in backend.payout.refused(roll.roll_no)} <= {"payout.duplicate"}
        with backend.store.begin() as connection:
            person = schema.person.c
            assert connection.execute(sa.select(person.id_number, person.name)).all() == [(NUMBER, NAME)]


def test_a_bank_nobody_listed_opens_accounts(world: ModuleType, store: Store, tmp_path: Path) -> None:
    rows = [(world.id_number(n), "张三", bank) for n, bank in ((2, "783"), (4, "７８３"), (6, "313"))]
    enrolment.enrol(store, check_files([file(tmp_path / "c.csv", rows, "19600101")], on=DAY))
    openings = Openings(store)
    paths = openings.dispatch_all(date(2014, 7, 28), through=DAY, out_dir=tmp_path)
    asked = [bankfile.read(path, bankfile.OPENING_REQUEST) for path in paths]
    assert {one.header["bank"]: len(one.rows) for one in asked} == {"783": 2, "313": 1}
    (request,) = [path for path, one in zip(paths, asked, strict=True) if one.header["bank"] == "783"]
    report = openings.read_result(world.bank_answer(request, day=date(2014, 8, 15)), read_on=date(2014, 8, 15))
    assert (report.opened, report.failed) == (2, 0)
