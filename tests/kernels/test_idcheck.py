"""The citizen-number kernel: every level and the readable twin give the same bits, and the bits are right."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric

from sbcard_core import _kernels
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import citizen_id

ROOT = Path(__file__).resolve().parents[2]
LEVELS = _kernels.kernel_levels("idcheck")
ON = date(2014, 7, 31)


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    """Each level this machine runs, the twin included."""
    return str(request.param)


VECTORS = [
    ("11010519491231002X", 0, "the standard's own example"),
    ("440524188001010014", citizen_id.DATE, "the standard's second example: a birth before 1900"),
    ("610104196209276908", 0, "made of the 15-digit 610104620927690"),
    ("810000199408230021", 0, "Hong Kong resident's residence permit"),
    ("830000199201300022", 0, "Taiwan resident's residence permit"),
    ("110105194912310021", citizen_id.CHECK, "X replaced by 1"),
    ("11010519491231002x", citizen_id.CHARACTERS, "small x is not the written form"),
    ("1101051949123100X2", citizen_id.CHARACTERS, "X not last"),
    ("00010519491231002X", citizen_id.REGION | citizen_id.CHECK, "no province 00"),
    ("110105190002290021", citizen_id.DATE, "1900 was no leap year"),
    ("110105200002290026", 0, "2000 was"),
    ("110105201408010027", citizen_id.DATE, "born the day after the check"),
    ("110105201407310026", 0, "born on the day of the check"),
]


@pytest.mark.parametrize(("number", "bits", "why"), VECTORS, ids=[v[2] for v in VECTORS])
def test_vectors(level: str, number: str, bits: int, why: str) -> None:
    if bits in (0, citizen_id.DATE):  # keep the vectors honest: their check character is right
        number = number[:17] + citizen_id.check_digit(number[:17])
    assert list(citizen_id.check_many(number.encode() * 19, on=ON, level=level)) == [bits] * 19


numbers = st.one_of(
    st.binary(min_size=18, max_size=18),
    st.text("0123456789", min_size=17, max_size=17).map(lambda b: (b + citizen_id.check_digit(b)).encode()),
    st.builds(
        lambda region, day, seq, twist: _twist(f"{region:06d}{day:%Y%m%d}{seq:03d}", twist),
        st.sampled_from([110105, 430102, 433130, 659004, 710000, 999999]),
        st.dates(date(1895, 1, 1), date(2080, 12, 31)),
        st.integers(0, 999),
        st.integers(0, 40),
    ),
)


def _twist(body: str, twist: int) -> bytes:
    number = body + citizen_id.check_digit(body)
    return (number[:twist] + "9" + number[twist + 1 :]).encode() if twist < 18 else number.encode()


@given(st.lists(st.tuples(numbers, st.sampled_from(b"0129x")), min_size=1, max_size=70), st.dates(date(1990, 1, 1)))
def test_levels_agree(rows: list[tuple[bytes, int]], on: date) -> None:
    data, sex = b"".join(row for row, _ in rows), bytes(code for _, code in rows)
    results = {lv: bytes(citizen_id.check_many(data, sex=sex, on=on, level=lv)) for lv in LEVELS}
    assert len(set(results.values())) == 1, results


@given(st.text("0123456789", min_size=17, max_size=17))
def test_check_character_agrees_with_stdnum(body: str) -> None:
    assert citizen_id.check_digit(body) == ric.calc_check_digit(body + "0")


@given(numbers)
def test_no_row_depends_on_its_neighbours(number: bytes) -> None:
    alone = citizen_id.check_many(number, on=ON)[0]
    crowd = citizen_id.check_many(b"11010519491231002X" * 20 + number + b"\xff" * 18 * 20, on=ON)
    assert crowd[20] == alone


def test_sex_column(level: str) -> None:
    row = b"11010519491231002X"  # even: female
    sexes = b"1209x\x00"
    expected = [citizen_id.SEX, 0, 0, 0, 0, 0]
    assert list(citizen_id.check_many(row * 6, sex=sexes, on=ON, level=level)) == expected


@pytest.mark.parametrize("rows", [b"1" * 17, b"1" * 19])
def test_ragged_rows_are_refused(level: str, rows: bytes) -> None:
    with pytest.raises(InvalidValue, match="18 bytes"):
        citizen_id.check_many(rows, on=ON, level=level)


def test_sex_of_another_length_is_refused(level: str) -> None:
    with pytest.raises(InvalidValue, match="same number of rows"):
        citizen_id.check_many(b"1" * 36, sex=b"1", on=ON, level=level)


def test_empty_batch(level: str) -> None:
    assert citizen_id.check_many(b"", on=ON, level=level) == bytearray()


def test_unknown_level_is_refused() -> None:
    with pytest.raises(InvalidValue, match="SBCARD_CPU=z80 is not available here"):
        _kernels.choose("idcheck", "z80")


def test_a_level_between_two_takes_the_lower() -> None:
    assert _kernels.choose("idcheck", _kernels.machine_levels()[0])[1] == "portable"
    if "aesni" in _kernels.machine_levels():
        assert _kernels.choose("idcheck", "aesni")[1] == "portable"


def test_environment_forces_a_level() -> None:
    code = "from sbcard_core import _kernels; print(_kernels.choose('idcheck')[1])"
    for level in LEVELS:
        env = {**os.environ, "SBCARD_CPU": level}
        out = subprocess.run(
            [sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert out.stdout.strip() == level


def test_a_missing_extension_is_loud(tmp_path: Path) -> None:
    """A clone that was not built must say how to build, not fall back in silence."""
    for name in ("__init__.py", "_kernels.py", "errors.py", "values.py"):
        target = tmp_path / "sbcard_core" / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((ROOT / "sbcard_core" / name).read_bytes())
    (tmp_path / "sbcard_core" / "_fast").mkdir()
    (tmp_path / "sbcard_core" / "_fast" / "__init__.py").touch()
    code = "from sbcard_core import _kernels; _kernels.choose('idcheck')"
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "SBCARD_CPU")}
    out = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert out.returncode != 0
    assert "make build" in out.stderr
    assert "not built" in out.stderr


@pytest.mark.soak
def test_levels_agree_on_ten_million_rows() -> None:
    rng = np.random.default_rng(2014)
    for _ in range(10):
        table = rng.integers(ord("0"), ord("9") + 1, (1_000_000, 18), dtype=np.uint8)
        table[:, 0] = rng.choice(np.frombuffer(b"1234567", np.uint8), 1_000_000)
        table[:, 6:8] = np.frombuffer(b"19", np.uint8)
        table[:, 10] = rng.choice(np.frombuffer(b"01", np.uint8), 1_000_000)
        noise = rng.random((1_000_000, 18)) < 0.005
        table[noise] = rng.integers(0, 256, int(noise.sum()), dtype=np.uint8)
        sex = rng.choice(np.frombuffer(b"129", np.uint8), 1_000_000)
        results = {lv: bytes(citizen_id.check_many(table, sex=sex, on=ON, level=lv)) for lv in LEVELS[1:]}
        assert len(set(results.values())) == 1
        sample = slice(0, 2_000)
        twin = citizen_id.check_many(table[sample], sex=sex[sample], on=ON, level="reference")
        assert bytes(twin) == results[LEVELS[1]][sample]
        assert len(set(twin)) > 10
