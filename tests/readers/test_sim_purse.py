"""The virtual purse: the published load, the purchase through the PSAM, and every way to be refused."""

from collections.abc import Callable
from datetime import datetime

import pytest

from apdu import psam as sam
from apdu import purse as pboc
from apdu.channel import exchange
from readers.sim.card import VirtualCard
from readers.sim.psam import VirtualPSAM
from readers.sim.settings import SimSettings
from sbcard_core.crypto import tac
from sbcard_core.crypto.diversify import city_factor, derive_path
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys

AT = datetime.fromisoformat("2014-07-31T09:30:15")
FACTOR = bytes.fromhex("8660140700000001")
TERMINAL = bytes.fromhex("430100000001")
PURSE = "00A4040006D15600000503"


def send(device: VirtualCard | VirtualPSAM, command: str) -> str:
    return device.transmit(bytes.fromhex(command)).hex().upper()


def ready(card: VirtualCard) -> VirtualCard:
    """PIN changed and verified, purse selected."""
    assert send(card, "805E010007123456FF246813") == "9000"
    assert send(card, "0020000003246813") == "9000"
    assert send(card, PURSE).endswith("9000")
    return card


@pytest.fixture
def published() -> VirtualCard:
    """A card with the key and the random number of the published example."""
    key = "11223344556677888877665544332211"
    order = {
        "atr": "3B6D000000814E43238660140700000001",
        "files": {"SSSE/EF05": ["0304322E3030"]},
        "initial_pin": "123456",
        "keys": {"DLK": key, "DTK": key},
    }
    settings = SimSettings(key_version=2)
    card = VirtualCard(order, rng=lambda n: bytes.fromhex("11223344")[:n], settings=settings)
    send(card, "0020000003123456")
    send(card, PURSE)
    return card


def test_published_load(published: VirtualCard) -> None:
    opened = send(published, "805000010B" + "01" + "00001000" + "001122334455")
    assert opened == "00000000" + "0000" + "02" + "00" + "11223344" + "2988AE5A" + "9000"
    done = send(published, "805200000B" + "20111221214822" + "3A845BF0")
    assert len(done) == 12
    assert done.endswith("9000")
    assert send(published, "805C000104") == "000010009000"
    assert send(published, "805C000204") == "000000009000"


def test_published_load_with_a_wrong_mac2_changes_nothing(published: VirtualCard) -> None:
    opened = send(published, "805000010B" + "01" + "00001000" + "001122334455")
    assert send(published, "805200000B" + "20111221214822" + "3A845BF1") == "9302"
    assert send(published, "805C000104") == "000000009000"
    assert send(published, "805000010B" + "01" + "00001000" + "001122334455") == opened


def test_load_key_locks_after_its_wrong_macs(published: VirtualCard) -> None:
    for _ in range(3):
        send(published, "805000010B" + "01" + "00001000" + "001122334455")
        assert send(published, "805200000B" + "20111221214822" + "00000000") == "9302"
    assert send(published, "805000010B" + "01" + "00001000" + "001122334455") == "9303"


def test_credit_must_follow_at_once(published: VirtualCard) -> None:
    send(published, "805000010B" + "01" + "00001000" + "001122334455")
    send(published, "805C000104")
    assert send(published, "805200000B" + "20111221214822" + "3A845BF0") == "6901"
    assert send(published, "805C000104") == "000000009000"


def test_reset_drops_a_started_load(published: VirtualCard) -> None:
    send(published, "805000010B" + "01" + "00001000" + "001122334455")
    published.reset()
    send(published, PURSE)
    assert send(published, "805200000B" + "20111221214822" + "3A845BF0") == "6901"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("805000020B" + "02" + "00001000" + "001122334455", "9403"),  # key index
        ("805000030B" + "01" + "00001000" + "001122334455", "6A86"),
        ("805002020B" + "01" + "00001000" + "001122334455", "6A86"),
        ("805000020A" + "01" + "00001000" + "0011223344", "6700"),
        ("805001020B" + "01" + "00001000" + "001122334455", "9401"),  # empty purse
        ("805C000304", "6A86"),
        ("8054010000", "6901"),
    ],
)
def test_refusals(card: VirtualCard, command: str, expected: str) -> None:
    assert send(ready(card), command) == expected


def test_commands_outside_the_purse_application_are_refused(card: VirtualCard) -> None:
    assert send(card, "805C000204") == "6985"


def test_purchase_needs_a_changed_and_verified_pin(make_card: Callable[..., VirtualCard]) -> None:
    card = make_card(purse={"balance": 10000})
    send(card, PURSE)
    start = "805001020B" + "01" + "00000064" + TERMINAL.hex()
    send(card, "0020000003123456")
    assert send(card, start) == "6985"  # still the initial PIN
    send(card, "805E010007123456FF246813")
    card.reset()
    send(card, PURSE)
    assert send(card, start) == "6982"  # changed, not verified
    send(card, "0020000003246813")
    assert send(card, start).endswith("9000")


def buy(card: VirtualCard, psam: VirtualPSAM, amount: int) -> tuple[sam.SamPurchaseResponse, pboc.DebitResponse]:
    opened = pboc.InitPurchaseResponse.parse(
        exchange(card, pboc.init_purchase(1, amount, TERMINAL)).require("initialise")
    )
    factors = (FACTOR, city_factor("430100"))
    request = sam.SamPurchaseRequest(opened.random, opened.offline_no, amount, 6, AT, 1, 0, factors)
    prepared = sam.SamPurchaseResponse.parse(exchange(psam, sam.init_sam_for_purchase(request)).require("8070"))
    debit = pboc.debit(prepared.terminal_txn_no, AT, prepared.mac1)
    return prepared, pboc.DebitResponse.parse(exchange(card, debit).require("debit"))


def test_purchase_tac_verifies_at_the_clearing_house(
    make_card: Callable[..., VirtualCard], psam: VirtualPSAM, master_keys: MasterKeys
) -> None:
    card = ready(make_card(purse={"balance": 10000}))
    send(psam, "00A4040006D15600000590")
    messages, tacs = [], []
    for turn in range(3):
        prepared, done = buy(card, psam, 1000 + turn)
        assert send(psam, "8072000004" + done.mac2.hex()) == "9000"
        number = int.from_bytes(prepared.terminal_txn_no, "big")
        assert number == turn + 1
        messages.append(tac.purchase_message(1000 + turn, 6, TERMINAL, number, AT))
        tacs.append(done.tac)
    assert card.purse.balance() == 10000 - 3003
    city = master_keys.city(KeyUsage.DTK, "430100")
    assert tac.verify_many(city, FACTOR * 3, messages, tacs) == [tac.TacStatus.VERIFIED] * 3
    dtk = derive_path(master_keys.get(KeyUsage.DTK), [city_factor("430100"), FACTOR])
    assert tac.compute(dtk, messages[0]) == tacs[0]


def test_wrong_mac1_debits_nothing(make_card: Callable[..., VirtualCard]) -> None:
    card = ready(make_card(purse={"balance": 10000}))
    send(card, "805001020B" + "01" + "00000064" + TERMINAL.hex())
    assert send(card, "805401000F" + "00000001" + "20140731093015" + "00000000") == "9302"
    assert card.purse.balance() == 10000


def test_another_amount_than_the_psam_signed_debits_nothing(
    make_card: Callable[..., VirtualCard], psam: VirtualPSAM
) -> None:
    card = ready(make_card(purse={"balance": 10000}))
    send(psam, "00A4040006D15600000590")
    opened = pboc.InitPurchaseResponse.parse(exchange(card, pboc.init_purchase(1, 500, TERMINAL)).data)
    factors = (FACTOR, city_factor("430100"))
    request = sam.SamPurchaseRequest(opened.random, opened.offline_no, 5000, 6, AT, 1, 0, factors)
    prepared = sam.SamPurchaseResponse.parse(exchange(psam, sam.init_sam_for_purchase(request)).data)
    assert exchange(card, pboc.debit(prepared.terminal_txn_no, AT, prepared.mac1)).sw.value == 0x9302
    assert card.purse.balance() == 10000


def test_psam_budget_of_wrong_mac2(make_card: Callable[..., VirtualCard], psam: VirtualPSAM) -> None:
    card = ready(make_card(purse={"balance": 10000}))
    send(psam, "00A4040006D15600000590")
    for _ in range(2):
        buy(card, psam, 1)
        assert send(psam, "807200000400000000") == "9302"
    _, done = buy(card, psam, 1)
    assert send(psam, "8072000004" + done.mac2.hex()) == "9000"  # a right one gives the budget back
    assert send(psam, "8072000004" + done.mac2.hex()) == "6901"  # and counts once
    for _ in range(3):
        buy(card, psam, 1)
        assert send(psam, "807200000400000000") == "9302"
    request = "807000001C" + "00" * 28
    assert send(psam, request) == "9303"


def test_counter_at_its_maximum(card: VirtualCard) -> None:
    ready(card)
    card.purse._accounts[2].online_no = 0xFFFF
    assert send(card, "805000020B" + "01" + "00001000" + "001122334455") == "9402"
