"""Policies, proposals, regions in time, names, known numbers and conflicts, as a user of the check meets them."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest

from sbcard_core import arrow
from sbcard_core.arrow_text import TextTable
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import citizen_id, gbt2260, region
from sbcard_core.fields.gb18030 import Encoding
from sbcard_core.validation import conflicts
from sbcard_core.validation.check import check_sources
from sbcard_core.validation.columnar import ArrowTable
from sbcard_core.validation.layouts import OPENING_REQUEST, PAYOUT_LINE, for_bank
from sbcard_core.validation.proposals import Proof
from sbcard_core.validation.records import CheckedBatch, Finding
from sbcard_core.validation.repair import ALL_LOSSLESS, ASK_ALWAYS, FORM_AT_ONCE, Change, RepairPolicy
from sbcard_core.validation.results import findings_table
from sbcard_core.validation.slips import Slip
from sbcard_core.validation.spec import COLLECTION, RecordSpec
from sbcard_core.values import Disposition, Severity

ON = date(2014, 7, 31)
KEYS = [field.field for field in COLLECTION.fields]


def number(serial: int = 2, birth: str = "19491231", code: str = "430102") -> str:
    body = f"{code}{birth}{serial:03}"
    return body + citizen_id.check_digit(body)


def record(**values: str) -> dict[str, str]:
    cells = f"1,F1,{number()},张三,2,01,19491231,13800138000,4,430102,103,20140701".split(",")
    return dict(zip(KEYS, cells, strict=True)) | values


def check(rows: Sequence[dict[str, str]], spec: RecordSpec = COLLECTION, **options: Any) -> list[CheckedBatch]:
    columns = [arrow.text(field.header, [row[field.field] for row in rows]) for field in spec.fields]
    table = arrow.Table(arrow.record([arrow.text(field.header, []) for field in spec.fields]), lambda: iter([arrow.record(columns)]))  # fmt: skip  # noqa: E501
    options.setdefault("on", ON)
    return list(check_sources([ArrowTable("t", table)], spec, **options))


def found(batches: Sequence[CheckedBatch]) -> list[Finding]:
    return [finding for batch in batches for finding in batch.findings]


def accepted(batches: Sequence[CheckedBatch]) -> list[Any]:
    return [row for batch in batches for row in batch.accepted]


# ------------------------------------------------------------------------------------------------ policy

FORMS = [
    ("id_number", number(21)[:17] + "x", number(21), Change.CASE),
    ("id_number", number(21)[:6] + "-" + number(21)[6:], number(21), Change.SEPARATOR),
    ("id_number", " " + number(21), number(21), Change.BLANKS),
    ("id_number", number(21).translate({48 + n: 0xFF10 + n for n in range(10)}), number(21), Change.WIDTH),
    ("name", "买买提．阿不都", "买买提·阿不都", Change.SEPARATOR),
    ("name", "张 三", "张三", Change.BLANKS),
    ("name", "张\ue81e", "张\u9fb4", Change.REMAP),
    ("name", "ＬＩ ＬＥＩ", "LI LEI", Change.WIDTH),
    ("county", "４３０１０２", "430102", Change.WIDTH),
    ("phone", "138-0013-8000", "13800138000", Change.SEPARATOR),
    ("birth", "19491231 ", "19491231", Change.BLANKS),
]


@pytest.mark.parametrize(("field", "written", "stored", "change"), FORMS)
def test_a_form_is_changed_only_where_the_policy_says(field: str, written: str, stored: str, change: Change) -> None:
    row = record(**{"id_number": number(21), "sex": "1", field: written})
    batches = check([row])
    assert getattr(accepted(batches)[0], field) == stored
    assert [(one.repair, one.severity, one.proposals) for one in found(batches)] == [(stored, Severity.WARNING, ())]
    for policy in (ASK_ALWAYS, RepairPolicy(frozenset(Change) - {change})):
        batches = check([row], repairs=policy)
        assert accepted(batches) == []
        (one,) = found(batches)
        assert (one.severity, one.disposition, one.repair) == (Severity.ERROR, Disposition.REJECTED, "")
        assert [(each.value, each.slip) for each in one.proposals] == [(stored, Slip.FORM)]
        assert one.message_zh.endswith("未改动")


def test_fifteen_digits_are_lengthened_only_under_the_policy_and_only_with_witnesses() -> None:
    short = number()[:6] + number()[8:17]
    for policy in (ASK_ALWAYS, FORM_AT_ONCE):
        (one,) = found(check([record(id_number=short)], repairs=policy))
        assert (one.disposition, one.proposals[0].value, one.proposals[0].slip) == (
            Disposition.REJECTED, number(), Slip.LENGTH15,
        )  # fmt: skip
    batches = check([record(id_number=short)], repairs=ALL_LOSSLESS)
    assert [row.id_number for row in accepted(batches)] == [number()]
    assert [(one.code, one.severity, one.repair) for one in found(batches)] == [
        ("id_number.length15", Severity.WARNING, number())
    ]
    assert accepted(check([record(id_number=short, county="430103")], repairs=ALL_LOSSLESS)) == []
    assert accepted(check([record(id_number=short, birth="19491230")], repairs=ALL_LOSSLESS)) == []


def test_a_lengthened_number_is_still_a_duplicate() -> None:
    short = number()[:6] + number()[8:17]
    batches = check([record(), record(id_number=short, form_no="F2")], repairs=ALL_LOSSLESS)
    assert len(accepted(batches)) == 1
    assert "duplicate.identical" in [one.code for one in found(batches)]


@pytest.mark.parametrize("policy", [ASK_ALWAYS, FORM_AT_ONCE, ALL_LOSSLESS])
@pytest.mark.parametrize(("field", "value"), [("amount_fen", "１２００"), ("account_no", "6222020000000000 ")])
def test_money_and_accounts_are_never_put_right(policy: RepairPolicy, field: str, value: str) -> None:
    cells = ["1", "6228480402564890018", "张三", number(), "1200", "养老金"]
    row = dict(zip([one.field for one in PAYOUT_LINE.fields], cells, strict=True))
    assert len(accepted(check([row], PAYOUT_LINE))) == 1
    batches = check([row | {field: value}], PAYOUT_LINE, repairs=policy)
    assert accepted(batches) == []
    assert all(not one.repair and not one.proposals for one in found(batches))


# --------------------------------------------------------------------------------------------- proposals


def test_ranked_proposals_reach_findings_and_their_table() -> None:
    swapped = number(21)[:12] + number(21)[13] + number(21)[12] + number(21)[14:]
    batches = check([record(), record(id_number=swapped, sex="1")])
    (one,) = (one for one in found(batches) if one.proposals)
    assert (one.code, one.proposals[0].value) == ("id_number.check", number(21))
    assert Proof.COUNTY in one.proposals[0].proof
    assert number(21) not in repr(one)
    table = TextTable(findings_table(batches))
    assert table.names[-2:] == ["proposals", "proofs"]
    table.close()
    assert not found(check([record(id_number=swapped, sex="1")], proposals=0))[0].proposals


def test_pyarrow_reads_proposals_and_proofs_side_by_side(real_part: Any) -> None:
    import importlib.util

    real_part("pyarrow", importlib.util.find_spec("pyarrow") is not None, "pip install pyarrow")
    import pyarrow as pa

    batches = check([record(id_number=number()[:17] + "A"), record(name="张 三", id_number=number(4))])
    table = pa.table(findings_table(batches)).to_pylist()
    for row in table:
        assert len(row["proposals"]) == len(row["proofs"])
    assert [row["proposals"] for row in table if row["code"] == "name.blank"] == [["张三"]]


def faults(rng: random.Random, count: int, *, single: bool) -> Iterator[tuple[str, dict[str, str]]]:
    """(right number, record with a wrong one)."""
    counties = sorted(region.county_codes())
    for serial in range(count):
        county = rng.choice(counties)
        birth = f"{date(1930, 1, 1) + timedelta(days=rng.randrange(30_000)):%Y%m%d}"
        right = number(rng.randrange(1000), birth, county)
        lived = county if rng.random() < 0.85 else rng.choice(counties)
        wrong, kind = list(right), "one" if single else rng.choice(["one", "two", "three", "swap", "form", "lost"])
        for at in rng.sample(range(17), {"one": 1, "two": 2, "three": 3}.get(kind, 0)):
            wrong[at] = rng.choice([digit for digit in "0123456789" if digit != wrong[at]])
        if kind == "swap":
            at = rng.choice([at for at, (a, b) in enumerate(pairwise(right[:17])) if a != b])
            wrong[at], wrong[at + 1] = wrong[at + 1], wrong[at]
        text = "".join(wrong[:14] if kind == "lost" else wrong)
        text = f"{text[:6]} {text[6:]}".lower() if kind == "form" else text
        sex = "21"[int(right[16]) % 2]
        yield (
            right,
            record(seq=str(serial + 1), form_no=f"F{serial}", id_number=text, birth=birth, sex=sex, county=lived),
        )


def outcomes(count: int, *, single: bool) -> Counter[str]:
    """What the check made of ``count`` faults."""
    planted = list(faults(random.Random(20140731), count, single=single))
    batches = check([row for _, row in planted])
    told: Counter[str] = Counter()
    for row in accepted(batches):
        right, written = planted[row.line - 1]
        if row.id_number == right:
            told["right"] += 1
        else:  # nothing may have been changed but form; a fault no rule can see keeps its digits
            told["unseen"] += 1
            told["wrong"] += [c for c in row.id_number if c.isalnum()] != [c for c in written["id_number"].upper() if c.isalnum()]  # fmt: skip  # noqa: E501
    for one in found(batches):
        if one.proposals:
            right = planted[one.line - 1][0]
            told["proposed"] += 1
            if not one.proposals[0].rivals:
                told["unique"] += 1
                told["unique at rank 1"] += one.proposals[0].value == right
            told["rank 1"] += one.proposals[0].value == right
    return told


def test_no_wrong_automatic_repair_through_the_check() -> None:
    told = outcomes(6000, single=False)
    assert told["wrong"] == 0
    assert told["right"] > 800


def test_single_digit_faults_with_one_answer_are_proposed_first() -> None:
    told = outcomes(4000, single=True)
    assert told["wrong"] == 0
    assert told["unique"] > 1000
    assert told["unique at rank 1"] >= 0.95 * told["unique"]


@pytest.mark.soak
def test_a_million_faults() -> None:
    assert outcomes(1_000_000, single=False)["wrong"] == 0
    told = outcomes(200_000, single=True)
    assert told["unique at rank 1"] >= 0.95 * told["unique"]


# ------------------------------------------------------------------------------------------------ region


def test_no_possible_pair_of_code_and_birth_since_1984_is_warned_of() -> None:
    """Walk the whole history: every code, every year it was in force since 1984, the oldest and the youngest holder."""
    pairs = {
        (known.code, birth)
        for code in gbt2260.codes()
        for known in gbt2260.divisions(code)
        if known.last >= region_from(known.first)
        for birth in (1900, 1949, region_from(known.first), min(known.last, 2024))
        if not code.endswith("00")
    }
    assert len(pairs) > 10_000
    on = date(2024, 12, 31)
    rows = [
        record(seq=str(at % 1000), id_number=number(at % 49 * 2 + 2, f"{year}0101", code), birth=f"{year}0101")
        for at, (code, year) in enumerate(sorted(pairs))
    ]
    numbers = [one.code for one in found(check(rows, on=on)) if one.code.startswith("id_number")]
    assert numbers == []


def region_from(year: int) -> int:
    return max(year, 1984)


@pytest.mark.parametrize(
    ("code", "birth", "finding", "words"),
    [
        ("430122", "19800101", "", ""),
        ("430122", "20130101", "id_number.region_time", "后为430112望城区;出生日期在此之后,号码不应有此地区码"),
        ("430199", "19800101", "id_number.county", "没有区县代码430199"),
        ("810000", "19800101", "", ""),
        ("990101", "19800101", "id_number.region", "省级"),
    ],
)
def test_regions_in_time(code: str, birth: str, finding: str, words: str) -> None:
    batches = check([record(id_number=number(2, birth, code), birth=birth)])
    assert [one.code for one in found(batches)] == ([finding] if finding else [])
    assert len(accepted(batches)) == (finding != "id_number.region")
    for one in found(batches):
        assert words in one.message_zh
        assert birth[:4] not in one.message_zh  # the masked list must not complete the number


def test_a_region_that_is_not_yet_in_force_is_told_without_the_birth() -> None:
    (one,) = found(check([record(id_number=number(2, "19800101", "430182"), birth="19800101")]))
    assert (one.code, one.message_zh) == ("id_number.region_time", "号码的地区码430182自2017年起使用，2014年尚无")
    assert one.message_en == "the number's region: 430182 is in force from 2017 on, not yet in 2014"


def test_the_county_column_is_of_the_day_of_the_check() -> None:
    (one,) = found(check([record(county="430122")]))
    assert (one.code, one.severity) == ("county.abolished", Severity.WARNING)
    assert one.message_zh == "区县代码已撤销:430122在1981-2011年为望城县，后为430112望城区"
    assert one.message_en == "the county is gone: 430122 was 望城县 in 1981-2011, then 430112望城区"
    later = date(2020, 1, 1)
    for code, then, now in (("430124", [], ["county.abolished"]), ("430182", ["county.code"], [])):
        assert [one.code for one in found(check([record(county=code)]))] == then
        assert [one.code for one in found(check([record(county=code)], on=later))] == now


# ------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("spec", [OPENING_REQUEST, PAYOUT_LINE])
def test_names_are_counted_in_the_banks_encoding(spec: RecordSpec) -> None:
    cells = record(account_no="6228480402564890018", amount_fen="1", purpose="养老金")
    long, rare = "阿卜杜热合曼买买提依明·阿卜杜热西提", "张𠮷"
    narrow = for_bank(spec, max_bytes=30, bytes_in=Encoding.GBK)
    for name in (long, rare, "JOHN ALEXANDER SMITH"):
        assert found(check([cells | {"name": name}], spec)) == []
    (one,) = found(check([cells | {"name": long}], narrow))
    assert (one.code, one.message_zh) == ("name.too_long", "姓名超过30字节(cp936)")
    assert one.message_en == "more than 30 bytes of cp936"
    assert [one.code for one in found(check([cells | {"name": rare}], narrow))] == ["name.encoding"]
    assert found(check([cells | {"name": "JOHN ALEXANDER SMITH"}], narrow)) == []
    assert [one.code for one in found(check([cells | {"name": "JOHN ALEXANDER SMITH-MONTGOMERY"}], narrow))] == ["name.too_long"]  # fmt: skip  # noqa: E501
    assert found(check([cells | {"name": "一" * 15}], narrow)) == []
    assert [one.code for one in found(check([cells | {"name": "一" * 11 + "·" + "一" * 4}], narrow))] == ["name.too_long"]  # fmt: skip  # noqa: E501


def test_private_use_is_never_lost_in_silence() -> None:
    batches = check([record(name="张\ue000"), record(name="J．Smith", id_number=number(4))])
    assert next(one.code for one in found(batches)) == "name.private_use"
    assert accepted(batches)[0].name == "张\ue000"
    assert all(row.name != "J·Smith" for row in accepted(batches))


# ------------------------------------------------------------------------------------- known and conflicts


@pytest.mark.parametrize("workers", [1, 2])
def test_known_numbers_are_refused(workers: int) -> None:
    others = (number(serial, "19500101") for serial in range(900))
    known = iter([*others, number(4), number(6)[:17] + ("1" if number(6)[17] != "1" else "2")])
    rows = [record(), record(id_number=number(4)), record(id_number=f" {number(4)}", name="李四"), record(id_number=number(6))]  # fmt: skip  # noqa: E501
    batches = check(rows, known=known, workers=workers)
    assert [(one.line, one.code) for one in found(batches) if one.code == "duplicate.known"] == [
        (2, "duplicate.known"),
        (3, "duplicate.known"),
    ]
    assert [row.id_number for row in accepted(batches)] == [number(), number(6)]
    column = number(4).encode() + number(10).encode()
    assert sum(one.code == "duplicate.known" for one in found(check(rows, known=column))) == 2


def test_known_needs_a_layout_with_numbers() -> None:
    from sbcard_core.validation.layouts import OPENING_RESULT

    with pytest.raises(InvalidValue, match="no number"):
        check_sources([], OPENING_RESULT, on=ON, known=[])


def test_from_a_check_to_the_smallest_withdrawal() -> None:
    rows = [
        record(),
        record(form_no="F2"),
        record(form_no="F3", county="430103"),
        record(id_number=number(4), name="李四"),
        record(id_number=number(4), name="李思"),
        record(id_number=number(6)),
    ]
    told, withdrawal = conflicts.settle(check(rows))
    assert [str(one.kind) for one in told] == ["two_counties", "two_names"]
    assert withdrawal.keys == (("t", 3), ("t", 5))
    assert (withdrawal.is_smallest, withdrawal.unique) == (True, False)
    in_force = [conflicts.Claim("card", number(6), "王五"), conflicts.Claim("card2", number(8), "王五")]
    told, withdrawal = conflicts.settle(check(rows, known=[claim.number for claim in in_force]), in_force)
    assert ("t", 6) in withdrawal.keys
