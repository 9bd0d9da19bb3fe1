"""The main job end to end, and what one changed byte between two stages does to it."""

import csv
import hashlib
import json
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from zipfile import ZipFile

import pytest

from sbcard_core.bulletin import letter
from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.replay.campaign import Campaign
from sbcard_core.replay.stages import STAGES

ROOT = Path(__file__).resolve().parents[2]
NAME = "hunan-2014-07"


def sbcard(*args: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    """The command as a user's shell runs it."""
    command = [sys.executable, "-m", "sbcard_core.cli", *args]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False, env={**os.environ, **env})


OLD_CONSOLE = {"PYTHONIOENCODING": "gbk:strict", "LC_ALL": "C", "PYTHONUTF8": "0"}
"""A GBK console over a system whose files are not UTF-8."""
SMALL = ("--scale", "0.0001")
WHOLE: dict[str, tuple[list[str], dict[str, str]]] = {
    "demo": ([], {}),
    "seed 2": (["--seed", "2", *SMALL], {}),
    "old console": ([*SMALL], OLD_CONSOLE),
}
"""Runs from nothing: arguments and environment."""


@pytest.fixture(scope="session")
def whole(replayed: Callable[..., Path]) -> Callable[[str], Path]:
    """``whole("demo")`` is the folder of that run."""

    def folder(name: str) -> Path:
        arguments, env = WHOLE[name]
        return replayed(name, *arguments, **env) / "out" / NAME

    return folder


@pytest.fixture(scope="session")
def campaign_dir(whole: Callable[[str], Path]) -> Path:
    """One run at the scale of the demo."""
    return whole("demo")


@pytest.fixture
def run(small_month: Path, tmp_path: Path) -> Path:
    """A copy of the smallest run to tamper with."""
    return Path(shutil.copytree(small_month / "out" / NAME, tmp_path / NAME))


def proof(out: Path) -> list[dict[str, object]]:
    return json.loads((out / "proof.json").read_text("utf-8"))


def findings(out: Path) -> Counter[tuple[object, ...]]:
    with sqlite3.connect(out / "sbcard.sqlite") as connection:
        query = "select stage, code, line, amount_fen, severity from finding where severity = 2"
        return Counter(connection.execute(query).fetchall())


def suspense(out: Path) -> int:
    with sqlite3.connect(out / "sbcard.sqlite") as connection:
        query = "select credits_fen - debits_fen from account where account_id = 'SUSPENSE'"
        return int((connection.execute(query).fetchone() or [0])[0])


def rerun(out: Path, stage: str) -> None:
    """Run ``stage`` and all after it again; a tampered run must not exit 0."""
    done = sbcard("replay", NAME, "--out", str(out), *SMALL, "--from", stage)
    assert done.returncode == 1, done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")


def assert_laws_hold(out: Path) -> None:
    broken = [line["label"] for line in proof(out) if line["kind"] == "law" and not line["ok"]]
    assert broken == []


def test_every_line_of_the_proof_holds(campaign_dir: Path) -> None:
    lines = proof(campaign_dir)
    assert len(lines) >= 20
    assert [line for line in lines if not line["ok"]] == []
    assert any("18,550 + 338 + 51 = 18,939" in str(line["detail"]) for line in lines)


def test_every_kind_of_finding_is_in_the_files(campaign_dir: Path) -> None:
    with (campaign_dir / "planted" / "faults.csv").open(encoding="utf-8") as stream:
        codes = {row["code"] for row in csv.DictReader(stream)}
    assert codes >= {
        "id_number.check", "id_number.lowercase_x", "id_number.fullwidth", "id_number.length15",
        "id_number.birth_mismatch", "id_number.sex_mismatch", "id_number.date", "name.too_long",
        "duplicate.identical", "duplicate.conflict", "record.undecodable",
    }  # fmt: skip


def test_the_letters_figures_are_met(campaign_dir: Path) -> None:
    with sqlite3.connect(campaign_dir / "sbcard.sqlite") as connection:
        query = """select p.bank, count(*), sum(l.state = 20) from opening_line l join person p using (person_id)
                   where p.bank in ('103', '403', '402') group by p.bank order by p.bank"""
        assert connection.execute(query).fetchall() == [("103", 5980, 5110), ("402", 8170, 6970), ("403", 2860, 2340)]
        made = "select count(*) from card where made_on is not null and replaces is null"
        assert connection.execute(made).fetchone() == (11680,)


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".sqlite" not in path.name
    }


def test_one_seed_gives_the_same_files_on_any_console(small_month: Path, whole: Callable[[str], Path]) -> None:
    found = digests(whole("old console"))
    assert found == digests(small_month / "out" / NAME)
    assert len(found) > 500


def test_another_seed_passes_and_is_another_population(small_month: Path, whole: Callable[[str], Path]) -> None:
    other = whole("seed 2")
    assert [line for line in proof(other) if not line["ok"]] == []
    collected = "collected/430100.csv"
    assert (other / collected).read_bytes() != (small_month / "out" / NAME / collected).read_bytes()


def test_the_console_of_a_container_will_do(small_month: Path) -> None:
    assert (small_month / "out" / NAME / "bulletin.html").is_file()


def test_a_changed_digit_in_a_collected_file(run: Path) -> None:
    before = findings(run)
    path = run / "collected/430700.csv"
    lines = path.read_bytes().split(b"\r\n")
    cells = lines[101].split(b",")
    assert re.fullmatch(rb"\d{17}[\dX]", cells[2])
    cells[2] = cells[2][:16] + bytes([(cells[2][16] - 0x30 + 2) % 10 + 0x30]) + cells[2][17:]  # same sex, other check
    lines[101] = b",".join(cells)
    path.write_bytes(b"\r\n".join(lines))
    rerun(run, "validation")
    assert_laws_hold(run)
    assert list((findings(run) - before).elements()) == [("validation", "id_number.check", 102, 0, 2)]
    assert not before - findings(run)


def test_a_changed_byte_of_a_tac(run: Path) -> None:
    before, held = findings(run), suspense(run)
    path = next((run / "terminals").glob("journal-*.csv"))
    lines = path.read_text("utf-8").split("\n")
    cells = lines[2].split(",")
    cells[-1] = f"{int(cells[-1], 16) ^ 0x00010000:08X}"
    lines[2] = ",".join(cells)
    path.write_text("\n".join(lines), "utf-8")
    rerun(run, "clearing")
    assert_laws_hold(run)
    amount = int(cells[6])
    assert list((findings(run) - before).elements()) == [("clearing", "tac.mismatch", 3, amount, 2)]
    assert suspense(run) == held + amount


def test_a_changed_line_of_a_payout_result(run: Path) -> None:
    before, held = findings(run), suspense(run)
    path = sorted((run / "payouts/results").glob("*pension*.txt"))[-1]
    lines = path.read_bytes().split(b"\n")
    place = next(n for n, line in enumerate(lines) if n > 2 and line.endswith(b"|00|"))
    amount = int(lines[place].split(b"|")[3])
    lines[place] = lines[place].replace(b"|%d|" % amount, b"|%d|" % (amount + 1))
    path.write_bytes(b"\n".join(lines))
    rerun(run, "repayments")
    assert_laws_hold(run)
    more = list((findings(run) - before).elements())
    assert [(stage, fen) for stage, _, _, fen, _ in more] == [("payout", amount)]
    assert suspense(run) == held + amount


def test_a_changed_line_of_an_opening_result(run: Path) -> None:
    before = findings(run)
    path = sorted((run / "banks/results").glob("*.txt"))[5]
    lines = path.read_bytes().split(b"\n")
    lines[1] = lines[1].replace(b"|00|", b"|0?|")
    path.write_bytes(b"\n".join(lines))
    rerun(run, "accounts")
    assert_laws_hold(run)
    # One account fewer moves a card to somebody else, so only kinds and numbers of findings are compared.
    kinds, kinds_before = (Counter(key[:2] for key in found.elements()) for found in (findings(run), before))
    assert kinds - kinds_before == {("openings", "opening.status"): 1}
    assert not kinds_before - kinds


def test_one_stage_alone_changes_nothing(run: Path) -> None:
    before = findings(run)
    for stage in ("validation", "accounts", "clearing"):
        state = next((run / "state").glob(f"*-{stage}.sqlite"))
        with sqlite3.connect(state) as connection:
            expected = connection.execute(
                "select stage, code, source, line from finding order by 1, 2, 3, 4"
            ).fetchall()
        done = sbcard("replay", NAME, "--out", str(run), *SMALL, "--stage", stage)
        assert done.returncode == 0
        with sqlite3.connect(run / "sbcard.sqlite") as connection:
            found = connection.execute("select stage, code, source, line from finding order by 1, 2, 3, 4").fetchall()
        assert found == expected
    assert sbcard("replay", NAME, "--out", str(run), *SMALL, "--from", "clearing").returncode == 0
    assert findings(run) == before


def test_the_bulletin_says_where_figures_come_from(campaign_dir: Path) -> None:
    page = (campaign_dir / "bulletin.html").read_text("utf-8")
    assert "synthetic, not about the real city" in page
    for word in ("原文", "推算", "设定", "模拟"):
        assert word in page
    assert "85.3" in page
    assert "84.8" in page


def test_no_full_number_in_what_is_published(campaign_dir: Path) -> None:
    """Citizen numbers stay out of findings, kick-back lists, the proof and the bulletin."""
    number = re.compile(r"(?<!\d)43\d{4}(19|20)\d{2}(0\d|1[0-2])\d{5}[\dXx](?!\d)")
    texts = [(campaign_dir / name).read_text("utf-8") for name in ("bulletin.html", "proof.json")]
    for book in [*(campaign_dir / "kickback").glob("*.xlsx"), campaign_dir / "bulletin.xlsx"]:
        with ZipFile(book) as archive:
            texts += [archive.read(name).decode("utf-8") for name in archive.namelist() if name.endswith(".xml")]
    with sqlite3.connect(campaign_dir / "sbcard.sqlite") as connection:
        texts += [row[0] for row in connection.execute("select detail from finding")]
    assert [match[0][:6] for text in texts if (match := number.search(text))] == []


def test_wrong_calls_say_what_to_do(tmp_path: Path) -> None:
    done = sbcard("replay", NAME, "--out", str(tmp_path), "--stage", "nonsense")
    assert done.returncode == 2
    assert b"one of collection, validation" in done.stdout.replace(b"\n", b" ")
    assert sbcard("replay", NAME, "--scale", "2").returncode == 2
    assert sbcard("replay", NAME, "--scale", "much").returncode == 2
    assert sbcard("replay", "sichuan-2099-01").returncode == 2
    with pytest.raises(InvalidValue, match="between 0 and 1"):
        Campaign(letter.load(NAME), 1, Fraction(0), tmp_path)


def test_a_stage_of_another_seed_or_scale_is_refused(run: Path) -> None:
    before = findings(run)
    for options in (["--scale", "0.001"], [*SMALL, "--seed", "2"]):
        done = sbcard("replay", NAME, "--out", str(run), *options, "--from", "clearing")
        assert done.returncode == 2
        assert b"--seed 1 --scale 1/10000" in done.stdout.replace(b"\n", b" ")
    assert findings(run) == before


def test_a_stage_without_its_predecessor_is_refused(tmp_path: Path) -> None:
    done = sbcard("replay", NAME, "--out", str(tmp_path), "--stage", "issuing")
    assert done.returncode == 2
    assert b"was not kept" in done.stdout.replace(b"\n", b" ")
    assert Refused.__mro__[1].__name__ == "SBCardError"


def test_stage_names_are_unique() -> None:
    assert len({stage.name for stage in STAGES}) == len(STAGES)


@pytest.mark.soak
def test_a_tenth_of_the_province(tmp_path: Path) -> None:
    """1.855 million people end to end, with memory that does not follow them."""
    done = sbcard("replay", NAME, "--out", str(tmp_path / NAME), "--scale", "0.1")
    assert done.returncode == 0, done.stdout.decode("utf-8", "replace")
    peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(done.stdout.decode("utf-8", "replace"), f"peak {peak_kib:,} KiB")
    assert peak_kib < 400 * 1024
