"""Repairs: nothing but form is ever changed, every proposal is right and one slip away, and the best one leads."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.errors import InvalidValue, SBCardError
from sbcard_core.fields import citizen_id, region
from sbcard_core.fields.legacy import CENTENARIANS, lengthen
from sbcard_core.validation.proposals import Proof, propose, propose_many
from sbcard_core.validation.repair import (
    ALL_LOSSLESS,
    ASK_ALWAYS,
    FORM_AT_ONCE,
    Change,
    Kind,
    RepairPolicy,
    RepairRefused,
    kind_of,
    repair_form,
    repair_number,
)
from sbcard_core.validation.slips import Slip

ON = date(2014, 7, 31)
COUNTIES = sorted(region.county_codes())


class Person(NamedTuple):
    number: str
    birth: str
    sex: str
    county: str


def people(rng: Random, count: int, *, moved: float = 0.15) -> list[Person]:
    """Synthetic people; ``moved`` of them live in another county than the one their number names."""
    found = []
    for _ in range(count):
        home = rng.choice(COUNTIES)
        birth = f"{date(1930, 1, 1) + timedelta(days=rng.randrange(30_000)):%Y%m%d}"
        body = f"{home}{birth}{rng.randrange(1000):03}"
        county = rng.choice(COUNTIES) if rng.random() < moved else home
        found.append(Person(body + citizen_id.check_digit(body), birth, "21"[int(body[16]) % 2], county))
    return found


def other_digit(rng: Random, digit: str) -> str:
    return rng.choice([one for one in "0123456789" if one != digit])


def substituted(rng: Random, number: str, count: int = 1) -> str:
    places = rng.sample(range(18), count)
    return "".join(other_digit(rng, one) if at in places else one for at, one in enumerate(number))


def transposed(rng: Random, number: str) -> str:
    places = [at for at, (one, two) in enumerate(pairwise(number)) if two not in (one, "X")]
    at = rng.choice(places)
    return number[:at] + number[at + 1] + number[at] + number[at + 2 :]


def jumped(rng: Random, number: str) -> str:
    at = rng.randrange(15)
    return number[:at] + number[at + 2] + number[at + 1] + number[at] + number[at + 3 :]


def dropped(rng: Random, number: str, count: int) -> str:
    gone = rng.sample(range(18), count)
    return "".join(one for at, one in enumerate(number) if at not in gone)


def disguised(rng: Random, number: str) -> str:
    """The same number in another form."""
    way = rng.randrange(4)
    if way == 0:
        return number.translate({48 + n: 0xFF10 + n for n in range(10)})
    if way == 1:
        return f" {number[:6]} {number[6:14]}　{number[14:]}"
    if way == 2:
        return f"{number[:6]}-{number[6:14]}-{number[14:]}"
    return number.lower() if number.endswith("X") else number + " "


FAULTS = ("form", "one", "swap", "two", "three", "jump", "lost1", "lost3", "doubled", "form+one", "form+two", "old")


def fault(rng: Random, kind: str, person: Person) -> str:
    number = person.number
    if kind == "form":
        return disguised(rng, number)
    if kind.startswith("form+"):
        return disguised(rng, fault(rng, kind[5:], person))
    return {
        "one": lambda: substituted(rng, number),
        "swap": lambda: transposed(rng, number),
        "two": lambda: substituted(rng, number, 2),
        "three": lambda: substituted(rng, number, 3),
        "jump": lambda: jumped(rng, number),
        "lost1": lambda: dropped(rng, number, 1),
        "lost3": lambda: dropped(rng, number, 3),
        "doubled": lambda: number[:9] + number[8] + number[9:],
        "old": lambda: number[:6] + number[8:17],
    }[kind]()


def automatic(policy: RepairPolicy, kinds: Sequence[str], count: int, seed: int) -> Counter[str]:
    """What became of ``count`` faulty numbers: left as written, right, or wrong after an automatic repair."""
    rng = Random(seed)
    outcomes: Counter[str] = Counter()
    for person in people(rng, count):
        written = fault(rng, rng.choice(kinds), person)
        columns = {"birth": person.birth, "sex": person.sex, "county": person.county}
        repaired = repair_number(written, on=ON, policy=policy, **columns)
        if not repaired.automatic:
            assert repaired.value == written
            outcomes["left"] += 1
        elif repaired.value == person.number:
            outcomes["right"] += 1
        else:
            shown = written.translate({0xFF10 + n: str(n) for n in range(10)}).upper()
            outcomes["wrong"] += [c for c in repaired.value if c.isalnum()] != [c for c in shown if c.isalnum()]
            outcomes["unseen"] += 1  # a number that breaks no rule: only its form was changed
    return outcomes


def test_no_wrong_automatic_repair_in_a_mix_of_faults() -> None:
    outcomes = automatic(FORM_AT_ONCE, FAULTS, 24_000, 20140731)
    assert outcomes["wrong"] == 0
    assert outcomes["right"] > 1500
    assert outcomes["unseen"] < 80  # disguised two-digit faults that satisfy number, birth and sex


def test_lengthening_at_once_is_wrong_only_where_nothing_could_show_it() -> None:
    """An 18-digit number that lost its 19 and a digit of its end is a faultless 15-digit number."""
    kinds = tuple(kind for kind in FAULTS if kind != "lost3")
    outcomes = automatic(ALL_LOSSLESS, kinds, 24_000, 1)
    assert outcomes["wrong"] == 0
    assert outcomes["right"] > 3500
    assert automatic(ALL_LOSSLESS, ("lost3",), 8000, 2)["wrong"] < 40


def test_one_wrong_digit_with_one_answer_is_proposed_first() -> None:
    """Unique = the only number one substitution or swap away that is right and has the columns' birth and sex."""
    rng = Random(7)
    sample = people(rng, 12_000)
    written = [substituted(rng, person.number) for person in sample]
    wrong = [at for at, number in enumerate(written) if number != sample[at].number]
    found = propose_many(
        [written[at] for at in wrong],
        on=ON,
        birth=[sample[at].birth for at in wrong],
        sex=[sample[at].sex for at in wrong],
        county=[sample[at].county for at in wrong],
    )
    truths = [sample[at].number for at in wrong]
    assert all(truth in [proposal.value for proposal in row] for truth, row in zip(truths, found, strict=True))
    first = [row[0].value == truth for truth, row in zip(truths, found, strict=True)]
    by_demand = [hit for hit, row in zip(first, found, strict=True) if row[0].rivals == 0]
    by_proof = [hit for hit, row in zip(first, found, strict=True) if row[0].equals == 0]
    by_columns = [
        hit for hit, row in zip(first, found, strict=True) if sum(Proof.COUNTY in one.proof for one in row) == 1
    ]
    assert len(by_columns) > 0.25 * len(found)
    assert sum(by_columns) >= 0.95 * len(by_columns)
    assert all(by_demand)
    assert len(by_demand) > 0.4 * len(found)
    assert len(by_proof) > 0.7 * len(found)
    assert sum(by_proof) >= 0.95 * len(by_proof)
    assert sum(first) >= 0.8 * len(first)


def one_slip_away(number: str) -> set[str]:
    """Every number one character or one swap away, all tried."""
    places = range(18)
    digits = {number[:at] + digit + number[at + 1 :] for at in places for digit in "0123456789"}
    digits.add(number[:17] + "X")
    swaps = {number[:at] + number[at + 1] + number[at] + number[at + 2 :] for at in range(17)}
    return {one for one in digits | swaps if one != number and "X" not in one[:17]}


def by_trying_all(number: str, birth: str, sex: str) -> set[str]:
    right = {one for one in one_slip_away(number) if citizen_id.is_valid(one, on=ON)}
    right = {one for one in right if not birth or one[6:14] == birth}
    return {one for one in right if sex not in ("1", "2") or int(one[16]) % 2 == int(sex) % 2}


@given(
    st.integers(0, 1 << 32),
    st.sampled_from(["one", "swap", "two", "jump", "letter", "none"]),
    st.booleans(),
    st.booleans(),
)
def test_proposals_are_exactly_the_right_numbers_one_slip_away(
    seed: int, kind: str, with_birth: bool, with_sex: bool
) -> None:
    rng = Random(seed)
    (person,) = people(rng, 1)
    if kind == "letter":
        at = rng.randrange(18)
        written = person.number[:at] + rng.choice("OlIXS?") + person.number[at + 1 :]
    else:
        written = person.number if kind == "none" else fault(rng, kind, person)
    birth, sex = person.birth if with_birth else "", person.sex if with_sex else ""
    found = propose_many([written], on=ON, birth=[birth], sex=[sex], county=[person.county], at_most=99)[0]
    expected = set() if citizen_id.is_valid(written, on=ON) else by_trying_all(written, birth, sex)
    assert {proposal.value for proposal in found} == expected
    assert len(found) == len(expected)
    for proposal in found:
        assert proposal.rivals == len(found) - 1
        at = proposal.place - 1
        if proposal.slip is Slip.SUBSTITUTION:
            assert written[:at] + written[at + 1 :] == proposal.value[:at] + proposal.value[at + 1 :]
        else:
            assert written[at : at + 2] == proposal.value[at : at + 2][::-1]
        assert (Proof.COUNTY in proposal.proof) == (proposal.value[:6] == person.county)


def test_two_wrong_digits_are_never_automatic_and_often_misleading() -> None:
    """Why no policy may apply a proposal: a lone candidate for a two-digit fault is often another person."""
    rng = Random(11)
    sample = people(rng, 4000)
    written = [substituted(rng, person.number, 2) for person in sample]
    found = propose_many(written, on=ON)
    alone = [row[0].value == person.number for row, person in zip(found, sample, strict=True) if len(row) == 1]
    assert len(alone) > 100
    assert sum(alone) < 0.6 * len(alone)
    everything = RepairPolicy(frozenset(Change), length15_by_columns=False)
    automatic = [repair_number(number, on=ON, policy=everything).automatic for number in written]
    assert not any(automatic)


def test_the_form_is_put_right_before_proposals() -> None:
    wide = "11010519491231003X".translate({48 + n: 0xFF10 + n for n in range(10)})
    assert propose(wide, on=ON) == propose("11010519491231003X", on=ON) != []
    assert propose("", on=ON) == propose("1101", on=ON) == propose("身份证号码", on=ON) == []


def test_rows_keep_their_places_past_a_chunk() -> None:
    rng = Random(3)
    sample = people(rng, 9000)
    written = [person.number if at % 3 else substituted(rng, person.number) for at, person in enumerate(sample)]
    written[8500] = "1"
    found = propose_many(written, on=ON, birth=[person.birth for person in sample], at_most=99)
    assert found[8500] == []
    assert [bool(row) for row in found[8200:8300]] == [written[at] != sample[at].number for at in range(8200, 8300)]
    assert found[8199] == propose(written[8199], on=ON, birth=sample[8199].birth)


@pytest.mark.parametrize("sequence", sorted(CENTENARIANS))
def test_a_centenarians_century_is_never_guessed(sequence: str) -> None:
    old = f"430102620927{sequence}"
    eighteen, nineteen = lengthen(old, on=ON)
    assert (eighteen[6:10], nineteen[6:10]) == ("1862", "1962")
    for birth in ("", "18620927", "19620927"):
        repaired = repair_number(old, on=ON, birth=birth, policy=ALL_LOSSLESS)
        assert (repaired.automatic, repaired.value) == (False, old)
        assert repaired.proposed == (nineteen if birth == "19620927" else eighteen)
    assert [p.value for p in propose(old, on=ON)] == [eighteen, nineteen]
    assert [p.value for p in propose(old, on=ON, birth="19620927")] == [nineteen]


def test_fifteen_digits_become_eighteen_only_where_configured_and_certain() -> None:
    old, full, on = "610104620927690", "610104196209276908", ON
    assert repair_number(old, on=on, birth="19620927").proposed == full
    assert repair_number(old, on=on, birth="19620927", county="610104", policy=ALL_LOSSLESS).value == full
    for birth, sex, county in (
        ("19620928", "", "610104"),
        ("19620927", "1", "610104"),
        ("19620927", "", "610105"),
        ("19620927", "", ""),
    ):
        repaired = repair_number(old, on=on, birth=birth, sex=sex, county=county, policy=ALL_LOSSLESS)
        assert (repaired.automatic, repaired.value) == (False, old)
    trusting = RepairPolicy(frozenset(Change), length15_by_columns=False)
    assert repair_number(old, on=on, policy=trusting).value == full
    assert lengthen("610104621327690", on=on) == lengthen("990104620927690", on=on) == ()
    truncated = "430102201005123"  # an 18-digit number of 2010 that lost its end
    assert lengthen(truncated, on=on) != ()
    assert repair_number(truncated, on=on, birth="20100512", county="430102", policy=ALL_LOSSLESS).automatic is False


@pytest.mark.parametrize("kind", [Kind.MONEY, Kind.ACCOUNT])
def test_money_and_accounts_are_refused(kind: Kind) -> None:
    for call in (
        lambda: repair_form("１00", kind, ALL_LOSSLESS),
        lambda: propose("11010519491231003X", on=ON, kind=kind),
        lambda: propose_many([], on=ON, kind=kind),
    ):
        with pytest.raises(RepairRefused) as caught:
            call()
        assert isinstance(caught.value, SBCardError)
        assert caught.value.term in ("金额", "银行账号")


@pytest.mark.parametrize(
    ("field", "rule", "kind"),
    [
        ("id_number", "id_number", Kind.NUMBER),
        ("guardian_number", "id_number", Kind.NUMBER),
        ("name", "name", Kind.NAME),
        ("amount_fen", "amount", Kind.MONEY),
        ("total", "amount", Kind.MONEY),
        ("account_no", "code", Kind.ACCOUNT),
        ("bank_card", "pattern", Kind.ACCOUNT),
        ("bank", "pattern", Kind.PLAIN),
        ("county", "code", Kind.PLAIN),
    ],
)
def test_kinds_by_field_and_rule(field: str, rule: str, kind: Kind) -> None:
    assert kind_of(field, rule) is kind


@pytest.mark.parametrize(
    ("value", "kind", "repaired", "changes"),
    [
        ("110105-19491231-002x", Kind.NUMBER, "11010519491231002X", "case separator"),
        ("１１０１０５１９４９１２３１００２ｘ", Kind.NUMBER, "11010519491231002X", "case width"),
        ("110105\u00a019491231\u2003002X", Kind.NUMBER, "11010519491231002X", "blanks"),
        ("x10105", Kind.NUMBER, "x10105", ""),
        ("买买提•阿不都 ", Kind.NAME, "买买提·阿不都", "blanks separator"),
        ("J. Smith", Kind.NAME, "J. Smith", ""),
        ("４３０１０２　", Kind.PLAIN, "430102", "width blanks"),
    ],
)
def test_form(value: str, kind: Kind, repaired: str, changes: str) -> None:
    at_once = repair_form(value, kind)
    assert (at_once.value, " ".join(at_once.changes)) == (repaired, changes)
    asked = repair_form(value, kind, ASK_ALWAYS)
    assert (asked.value, asked.proposed, asked.automatic) == (value, repaired if changes else "", False)


@given(st.text(st.sampled_from("0123456789Xx０９Ｘｘ -－　\u2011·"), max_size=24))
def test_form_is_put_right_once_and_no_digit_moves(value: str) -> None:
    once = repair_form(value, Kind.NUMBER).value
    assert repair_form(once, Kind.NUMBER).changes == ()
    plain = {0xFF10: "0", 0xFF19: "9"}
    assert [one for one in once if one.isdigit()] == [one for one in value.translate(plain) if one.isdigit()]


def test_no_number_in_a_repr_and_columns_must_fit() -> None:
    (best, *_) = propose("11010519491321002X", on=ON, birth="19491231")
    assert "1949" not in repr(best)
    assert "1949" not in best.reason_zh()
    assert "1949" not in repr(repair_number("11010519491231002x", on=ON))
    with pytest.raises(InvalidValue, match="not as long"):
        propose_many(["1"], on=ON, birth=[])
