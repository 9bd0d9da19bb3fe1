"""A card torn out of a shop's terminal at every byte, and put back: one charge, one record, or none of both."""

from collections import Counter
from datetime import datetime

from readers.base import FixedPinPad, PinPurpose
from readers.pos import POSTerminal, PurchaseRecord
from readers.sim.desk import Desk
from readers.sim.faults import Tear, TornChannel
from sbcard_core.card.errors import OutcomeUnknown
from sbcard_core.card.money import MoneyRecord
from sbcard_core.card.profiles.v2 import SAMPLE
from sbcard_core.card.torn import Action
from sbcard_core.errors import SBCardError

AT = datetime.fromisoformat("2014-07-31T09:30:15")
PAD = FixedPinPad(dict.fromkeys(PinPurpose, "246810"))


def visit(desk: Desk, tear: Tear, *, by_journal: bool) -> tuple[str, PurchaseRecord | None]:
    """One shop: pay; where the card was torn out, put it back and settle from the error or from the journal."""
    channel = TornChannel(desk.card, tear)
    channel.atr = desk.card.atr  # type: ignore[attr-defined]
    kept: list[MoneyRecord] = []
    try:
        return "paid", POSTerminal(channel, desk.psam, PAD, profile=SAMPLE).purchase(1200, AT, journal=kept.append)
    except OutcomeUnknown as unknown:
        channel.mend()
        desk.psam.reset()
        terminal = POSTerminal(channel, desk.psam, PAD, profile=SAMPLE)
        settled = terminal.settle_torn(kept[0] if by_journal else unknown, uninterrupted=True)
        if settled.action is Action.POST and settled.tac:
            return "settled", terminal.record(settled.receipt())
        return settled.action.name, None
    except SBCardError:
        return "refused", None


def test_every_tear_of_a_visit() -> None:
    outcomes = Counter[str]()
    for by_journal in (False, True):
        for command in range(1, 16):
            for executed in (False, True):
                for received in (0, 3):
                    desk = Desk(seed=1, balance_fen=5000)
                    POSTerminal(desk.card, desk.psam, desk.pin_pad, profile=SAMPLE).change_initial_pin()
                    tear = Tear(command, executed=executed, received=received)
                    outcome, record = visit(desk, tear, by_journal=by_journal)
                    charged = 5000 - desk.card.purse.balance()
                    outcomes[outcome] += 1
                    assert charged in (0, 1200)
                    if record is not None:
                        assert (charged, record.amount_fen, record.card_no) == (1200, 1200, "X00000019")
                        assert len(record.tac) == 4
                    else:
                        assert charged == 0 or outcome in ("POST", "HOLD"), (tear, outcome)
    assert outcomes["settled"] > 0
    assert outcomes["refused"] > 0
    assert outcomes["paid"] > 0
    assert outcomes["HOLD"] == 0
