"""What the ledger says: no citizen number, the right advice, and what an address should look like."""

import pytest

from sbcard_core.errors import InvalidValue, SBCardError
from sbcard_core.ledger import AccountKind, Ledger, Transfer, TransferRefused, TransferStatus
from sbcard_core.ledger.accounts import Balance, Discrepancy
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


def test_two_slashes_before_a_file_are_told() -> None:
    with pytest.raises(InvalidValue, match="three slashes"):
        Store.open("sqlite://books.sqlite")
