"""Synthetic people: made by index, all different, all right; fates with exact totals."""

from collections import Counter
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbcard_core.bulletin import letter
from sbcard_core.fields import citizen_id, name, phone, region
from sbcard_core.replay import chance, faults
from sbcard_core.replay.campaign import AS_OF, BANKS, Campaign
from sbcard_core.replay.plan import Answer, Plan
from sbcard_core.replay.population import Population

CAMPAIGN = Campaign(letter.load("hunan-2014-07"), 1, Fraction(1, 1000), Path("unused"))


def test_the_city_counts_are_the_letters() -> None:
    counts = dict(CAMPAIGN.population.cities)
    assert CAMPAIGN.population.size == 18_550
    assert counts["431100"] == 3_250
    assert counts["430400"] == 0  # 衡阳 was sent back whole
    assert counts["430100"] + counts["430600"] == 2_670


@pytest.mark.parametrize("scale", [Fraction(1, 1000), Fraction(1, 7), Fraction(3, 10_000), Fraction(1)])
def test_totals_survive_any_scale(scale: Fraction) -> None:
    campaign = Campaign(CAMPAIGN.letter, 1, scale, Path("unused"))
    assert campaign.population.size == sum(campaign.received)
    assert abs(campaign.population.size - 18_550_000 * scale) <= 1
    assert all(opened <= received for opened, received in zip(campaign.opened, campaign.received, strict=True))


def test_everybody_is_right_and_nobody_is_twice() -> None:
    people = CAMPAIGN.population.block(0, CAMPAIGN.population.size)
    numbers = [person.id_number for person in people]
    assert len(set(numbers)) == len(people) == 18_550
    sexes = "".join(person.sex for person in people).encode()
    assert not any(citizen_id.check_many("".join(numbers).encode(), sex=sexes, on=AS_OF))
    assert len({person.phone for person in people}) == len(people)
    for person in people[::50]:
        assert citizen_id.birth_date(person.id_number) == person.birth
        assert person.county in {county.code for county in region.counties(person.city)}
        assert phone.is_mobile(person.phone)
        assert name.problems(person.name) == []


def test_names_need_all_of_gb18030() -> None:
    names = [person.name for person in CAMPAIGN.population.block(0, 18_550)]
    assert any("·" in text for text in names)
    assert any(ord(char) > 0xFFFF for text in names for char in text)
    assert any(len(char.encode("gb18030")) == 4 for text in names for char in text)
    assert any(b"|" in text.encode("gb18030") for text in names)  # 7C as a trail byte


@settings(max_examples=30)
@given(st.integers(0, 2**70), st.integers(0, 18_549), st.integers(0, 60))
def test_a_person_is_a_function_of_seed_and_index(seed: int, index: int, before: int) -> None:
    people = Population(seed, CAMPAIGN.population.cities)
    start = max(0, index - before)
    assert people.block(start, index + 1)[-1] == people.one(index)


def test_strangers_are_not_in_the_population() -> None:
    numbers = {person.id_number for person in CAMPAIGN.population.block(0, 18_550)}
    strangers = {CAMPAIGN.population.stranger("431100", n).id_number for n in range(200)}
    assert len(strangers) == 200
    assert not strangers & numbers


@settings(max_examples=40)
@given(st.integers(0, 2**64), st.integers(1, 5_000))
def test_a_shuffle_is_a_bijection(seed: int, size: int) -> None:
    ranks = chance.Shuffle(seed, "x", size).rank(np.arange(size, dtype=np.uint64))
    assert len(set(ranks.tolist())) == size
    assert max(ranks.tolist()) == size - 1


@pytest.mark.parametrize("seed", [1, 2, 99])
def test_banks_receive_and_open_what_the_letter_says(seed: int) -> None:
    campaign = Campaign(CAMPAIGN.letter, seed, CAMPAIGN.scale, CAMPAIGN.root)
    fates = Plan(campaign).fates(np.arange(campaign.population.size, dtype=np.uint64))
    received = Counter(fates.bank.tolist())
    opened = Counter(
        bank for bank, answer in zip(fates.bank.tolist(), fates.answer.tolist(), strict=True) if answer == Answer.OPENED
    )
    assert [received[n] for n in range(len(BANKS))] == [5980, 2860, 8170, 770, 770]
    assert [opened[n] for n in range(3)] == [5110, 2340, 6970]


def test_submissions_fall_into_the_months_the_letter_says() -> None:
    plan, counts = Plan(CAMPAIGN), dict(CAMPAIGN.population.cities)
    added = sum(plan.submitted_on("430700", place) >= date(2014, 7, 1) for place in range(counts["430700"]))
    assert added == 1_010
    assert {plan.submitted_on("430900", place) for place in range(counts["430900"])} == {date(2014, 7, 30)}


@pytest.mark.parametrize("fault", faults.REFUSED, ids=lambda fault: fault.code)
def test_every_fault_changes_its_row(fault: faults.Fault) -> None:
    row = faults.row_of(CAMPAIGN.population.one(77), 1, "F1", "103", "20140701")
    assert fault.spoil(list(row)) != row
