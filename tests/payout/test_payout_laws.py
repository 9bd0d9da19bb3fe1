"""Laws: one person, account, household and period in any spelling; days of one chain of acts in any order."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sbcard_core.ledger import AccountKind
from sbcard_core.payout import LineState, Programme, RollLine, RollRefused
from sbcard_core.store import Store, schema

DAY = date(2014, 8, 1)
HOUSE = Programme("house", "补贴", "FISCAL_PROGRAMME:house", AccountKind.FISCAL_PROGRAMME, household=True)
NUMBER, ACCOUNT, NAME, HOUSEHOLD = "11010519491231002X", "6228480000000000017", "阿卜杜拉·买买提", "43-0112A7"
WIDE = str.maketrans(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", "０１２３４５６７８９ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ"
)

settled = settings(max_examples=30, suppress_health_check=list(HealthCheck))
blanks = st.sampled_from(["", " ", "\u3000", "\u200b", "\ufeff", "\u00a0"])


@st.composite
def spelling(draw: st.DrawFn, text: str, *, marks: bool = True) -> str:
    """A text as another program, sheet or hand would write it."""
    made = "".join(draw(blanks) + mark for mark in text) if marks and draw(st.booleans()) else text
    made = made.lower() if draw(st.booleans()) else made
    made = made.translate(WIDE) if draw(st.booleans()) else made
    return draw(blanks) + made + draw(blanks)


names = st.builds(
    lambda before, dot, after: before + NAME.replace("·", dot) + after, blanks, st.sampled_from("·•‧∙⋅・"), blanks
)
periods = st.sampled_from(["2014-07", "201407", "2014-7", "2014年7月", "２０１４-０７", " 2014-07 "])


def claims(store: Store) -> list[tuple[object, ...]]:
    line = schema.payout_roll_line.c
    with store.begin() as connection:
        columns = (line.person_id, line.account_no, line.household, line.gross_fen)
        return [tuple(row) for row in connection.execute(sa.select(*columns).where(line.state < 50))]


@settled
@given(
    number=spelling(NUMBER), name=names, account=spelling(ACCOUNT), household=spelling(HOUSEHOLD), period=periods,
    twice=st.tuples(spelling(NUMBER), names, spelling(HOUSEHOLD), periods),
)  # fmt: skip
def test_one_person_in_any_spelling_is_paid_once(new_town, number, name, account, household, period, twice) -> None:
    with Store.open("sqlite://") as store:
        town = new_town(store, Path(), 2)
        with store.begin() as connection:
            person, card = schema.person, schema.card
            first = sa.update(person).where(person.c.person_id == 1)
            connection.execute(first.values(id_number=NUMBER, name=NAME))
            connection.execute(sa.update(card).where(card.c.person_id == 1).values(account_no=ACCOUNT))
        town.engine.draft(HOUSE, period, [RollLine(number, name, 700, account, household)], on=DAY)
        number, name, household, period = twice
        town.engine.draft(HOUSE, period, [RollLine(number, name, 800, "", household)], on=DAY)
        assert claims(store) == [(1, ACCOUNT, HOUSEHOLD, 700)]
        assert len(town.engine.rolls(HOUSE, "2014-07")) == 2


def code_of(work: Callable[[], object]) -> str:
    """The code of a refusal, empty where nothing is refused."""
    try:
        work()
    except RollRefused as error:
        return error.code
    return ""


day = st.integers(0, 30).map(lambda n: DAY + timedelta(days=n))


@settled
@given(drafted=day, approvals=st.tuples(day, day), noticed=day, released=day)
def test_a_roll_is_paid_only_by_acts_in_order(
    new_town, tmp_path_factory, drafted, approvals, noticed, released
) -> None:
    """Drafted, approved, shown, and released after the last day of the notice: what is too early is refused."""
    with Store.open("sqlite://") as store:
        town = new_town(store, tmp_path_factory.mktemp("order"), 2)
        town.fund(100_000, "FISCAL_PROGRAMME:farm-subsidy")
        roll = town.engine.draft("farm-subsidy", "2014", town.roll([1]), on=drafted, by="d")
        in_order = drafted <= min(approvals) and max(approvals) <= noticed

        def acts() -> None:
            for officer, on in zip("ab", approvals, strict=True):
                town.engine.approve(roll.roll_no, town.by(officer), roll.digest, on=on)
            town.engine.notice(roll.roll_no, on=noticed)
            town.engine.release(roll.roll_no, on=released, out_dir=town.folder)

        refusal = code_of(acts)
        until = town.engine.status(roll.roll_no).roll.notice_until
        over = in_order and released.isoformat() > until
        assert (refusal == "", town.states()) == (over, {LineState.SENT: 1001} if over else {})
        assert refusal in ("", "order", "notice")


@settled
@given(data=st.data())
def test_whoever_drafts_or_signs_two_different_officers_are_needed(
    new_town, tmp_path_factory, data: st.DataObject
) -> None:
    """Any drafter and any signatures in any order: money moves only when two others have approved."""
    officers = st.sampled_from(["a", "b", "d", "li"])
    drafter, signers = data.draw(officers), data.draw(st.lists(officers, max_size=5))
    with Store.open("sqlite://") as store:
        town = new_town(store, tmp_path_factory.mktemp("eyes"), 2)
        town.fund(100_000)
        roll = town.engine.draft("pension", "2014-07", town.roll([1]), on=DAY, by=drafter)
        for signer in signers:
            if signer == drafter:
                with pytest.raises(RollRefused):
                    town.engine.approve(roll.roll_no, town.by(signer), roll.digest, on=DAY)
            else:
                town.engine.approve(roll.roll_no, town.by(signer), roll.digest, on=DAY)
        enough = len(set(signers) - {drafter}) >= 2
        refusal = code_of(lambda: town.engine.release(roll.roll_no, on=DAY, out_dir=town.folder))
        assert refusal == ("" if enough else "approval")
