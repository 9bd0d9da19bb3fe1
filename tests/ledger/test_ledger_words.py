"""What the ledger says: no citizen number, the right advice, and what an address should look like."""

from dataclasses import fields, replace
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.errors import InvalidValue, SBCardError
from sbcard_core.ledger import (
    AccountKind,
    Ledger,
    Transfer,
    TransferFlag,
    TransferRefused,
    TransferStatus,
    is_id,
    malformed_fields,
    timestamp,
)
from sbcard_core.ledger.accounts import Balance, Discrepancy
from sbcard_core.ledger.transfers import is_well_formed
from sbcard_core.store import Store

NUMBER = "43010219500101001X"
AT = "2014-07-31T09:00:00"


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(Store.open("sqlite://"))


def test_a_citizen_number_in_an_id_is_hidden_wherever_it_is_shown(ledger: Ledger) -> None:
    account = f"person:{NUMBER}"
    said = [repr(Transfer(f"T:{NUMBER}", account, "b", 5, "c", AT, memo=NUMBER, pending_id=NUMBER))]
    said.append(repr(Discrepancy(account, Balance(0, 0), Balance(0, 1))))
    with pytest.raises(SBCardError) as unknown:
        ledger.balance(account)
    ledger.open_accounts([(account, AccountKind.PERSONAL_MEDICAL)])
    with pytest.raises(SBCardError) as other_kind:
        ledger.open_accounts([(account, AccountKind.CASH)])
    with pytest.raises(SBCardError) as refused:
        ledger.post(Transfer(f"T:{NUMBER}", account, "nobody", 5, "c", AT))
    with pytest.raises(SBCardError) as imported:
        ledger.import_history([Transfer(f"T:{NUMBER}", account, "nobody", 5, "c", AT)])
    said += [str(error.value) for error in (unknown, other_kind, refused, imported)]
    for text in said:
        assert NUMBER not in text
        assert "430102********001X" in text
    ledger.store.close()


def test_a_refusal_says_what_to_do_about_its_reason(ledger: Ledger) -> None:
    ledger.open_accounts([("a", AccountKind.PERSONAL_MEDICAL), ("b", AccountKind.CASH)])
    advice = {}
    for credit, amount in (("b", 1), ("nobody", 1), ("b", 0), ("a", 1)):
        with pytest.raises(TransferRefused) as refused:
            ledger.post(Transfer("T", "a", credit, amount, "c", AT))
        advice[refused.value.status] = refused.value.advice
    wanted = {"INSUFFICIENT", "UNKNOWN_ACCOUNT", "AMOUNT_NOT_POSITIVE", "SAME_ACCOUNT"}
    assert advice.keys() == {TransferStatus[name] for name in wanted}
    assert len(set(advice.values())) == len(advice)
    ledger.store.close()


GOOD = Transfer("T", "a", "b", 1, "c", AT)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount_fen", "100"),
        ("amount_fen", 1.5),
        ("amount_fen", None),
        ("amount_fen", True),
        ("at", "2014-07-31"),
        ("at", "2014-07-31T09:00:00Z"),
        ("at", datetime.fromisoformat(AT)),
        ("code", None),
        ("code", ""),
        ("memo", "\ud800"),
        ("transfer_id", "x" * 129),
        ("debit_account", 7),
        ("flags", 6),
        ("timeout_s", -1),
    ],
)
def test_a_malformed_transfer_names_its_field(ledger: Ledger, field: str, value: Any) -> None:
    ledger.open_accounts([("a", AccountKind.EXTERNAL), ("b", AccountKind.CASH)])
    for post in (ledger.post, ledger.batching().post):
        with pytest.raises(TransferRefused) as refused:
            post(replace(GOOD, **{field: value}))
        assert refused.value.status is TransferStatus.MALFORMED
        assert list(refused.value.fields) == ["flags" if field == "timeout_s" else field]
        assert f"{next(iter(refused.value.fields))} must be" in str(refused.value)
    ledger.store.close()


ANY = st.one_of(
    st.none(), st.integers(-1, 9), st.floats(), st.text(max_size=3), st.just(AT), st.just(b"x"), st.just([])
)


@given(st.dictionaries(st.sampled_from([field.name for field in fields(Transfer)]), ANY, max_size=3))
def test_fields_are_named_just_where_a_transfer_is_malformed(values: dict[str, Any]) -> None:
    transfer = replace(GOOD, **values)
    assert bool(malformed_fields(transfer)) == (not (is_id(transfer.transfer_id) and is_well_formed(transfer)))


def test_a_hold_is_not_closed_before_its_time(ledger: Ledger) -> None:
    ledger.open_accounts([("a", AccountKind.EXTERNAL), ("b", AccountKind.CASH)])
    hold = Transfer("H", "a", "b", 5, "c", AT, flags=TransferFlag.PENDING)
    ledger.post(hold)
    for close in (hold.post, hold.void):
        with pytest.raises(TransferRefused, match="no time before the hold's") as refused:
            ledger.post(close("P", at="2014-07-31T08:59:59"))
        assert refused.value.status is TransferStatus.PENDING_DIFFERENT
    assert ledger.post(hold.post("P", at=AT)) is TransferStatus.POSTED
    ledger.store.close()


def test_what_is_no_transfer_account_or_period_is_told_so(ledger: Ledger) -> None:
    accounts = [["bank"], [("bank", AccountKind.CASH, 1)], 5, [("", AccountKind.CASH)], [("a", "cash")]]
    calls: list[tuple[Any, ...]] = [(ledger.open_accounts, wrong) for wrong in accounts]
    for post in (ledger.post_many, ledger.submit_many, ledger.import_history, ledger.batching().post_many):
        calls += [(post, wrong) for wrong in (GOOD, 5, [GOOD, ("T", "a")])]
    calls += [(ledger.post_many, wrong) for wrong in ((one for one in (GOOD, "T")), "T")]
    calls += [(post, wrong) for post in (ledger.post, ledger.submit) for wrong in (("T", "a"), [GOOD], None)]
    calls += [(partial(ledger.close_period, at=AT), wrong) for wrong in (2013, "2013-13", "2014-07")]
    calls += [(partial(ledger.close_period, at=wrong), "2014-07") for wrong in (None, "2014-07-31")]  # type: ignore[arg-type]
    calls += [(timestamp, wrong) for wrong in ("x", None, 5)]
    calls.append((partial(ledger.post_columns, code="c", at=AT), ["T"], ["a"] * 2, ["b"], [1]))
    for call, *wrong in calls:
        with pytest.raises(InvalidValue) as refused:
            call(*wrong)
        assert refused.value.advice
        assert refused.value.term
    assert ledger.totals() == (0, 0)
    assert ledger.closed_periods() == []
    ledger.store.close()
