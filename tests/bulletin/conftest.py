"""A whole bulletin at 1:1000, counted from the letter's own figures so that every mark is foreseeable."""

from datetime import UTC, datetime

import pytest

from sbcard_core.bulletin import BankRow, CityRow, Figure, Letter, derived, load
from sbcard_core.bulletin.report import Bulletin, compose
from sbcard_core.values import Origin

SCALE = 1000
UNIT = 10_000 // SCALE
CREATED = datetime(2014, 8, 4, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def letter() -> Letter:
    return load()


@pytest.fixture(scope="session")
def cities(letter: Letter) -> list[CityRow]:
    rows = []
    for city in letter.members("cities"):
        target, submitted = derived.annual_target(letter, city), derived.submitted(letter, city)
        assert target is not None
        assert submitted is not None
        people = int((submitted.value or 0) * UNIT)
        added = letter.get(f"{city}.added")
        month = None if added is None else int((added.value or 0) * UNIT)
        wanted = int((target.value or 0) * UNIT)
        made = people * 6 // 10
        rows.append(
            CityRow(
                city,
                letter.name(city),
                wanted,
                month,
                people,
                people * 8 // 10,
                people // 10,
                made,
                None,
                target.origin,
            )
        )
    return rows


@pytest.fixture(scope="session")
def banks(letter: Letter) -> list[BankRow]:
    rows = []
    for bank in letter.members("banks"):
        received, opened = (int((letter[f"{bank}.{m}"].value or 0) * UNIT) for m in ("received", "opened"))
        failed = (received - opened) // 2
        left = received - opened - failed
        rows.append(
            BankRow(bank, letter.name(bank), received, opened, failed, left, left // 3, opened * 7 // 10, opened // 5)
        )
    return rows


@pytest.fixture(scope="session")
def bulletin(letter: Letter, cities: list[CityRow], banks: list[BankRow]) -> Bulletin:
    campaign = [
        Figure("replay.accepted", 18_550, "人", Origin.SIMULATED, "校验", "校验通过"),
        Figure("replay.unknown", None, "笔", Origin.SIMULATED, "未运行", "脱机消费"),
    ]
    proof = [("借贷平衡", "Σ借 = Σ贷", True), ("<b>记录守恒</b>", "=1+1", False)]
    return compose(
        letter,
        cities,
        banks,
        origin=Origin.SIMULATED,
        scale=SCALE,
        created=CREATED,
        campaign=campaign,
        proof=proof,
    )
