"""Paying pensions and subsidies to cards (待遇代发): one engine, a catalogue of programmes.

roll → matched person, card and account → money blocked per batch → bank file → result file → paid, returned or
unknown. Returned lines are paid again; unknown ones never are: their money waits in suspense.
"""

from sbcard_core.payout.engine import PayoutEngine
from sbcard_core.payout.lines import SUSPENSE, LineState, RollLine
from sbcard_core.payout.programmes import FARM_SUBSIDY, PENSION, PROGRAMMES, Programme
from sbcard_core.payout.results import PayoutResultRefused, PayoutResultReport

__all__ = [
    "FARM_SUBSIDY",
    "PENSION",
    "PROGRAMMES",
    "SUSPENSE",
    "LineState",
    "PayoutEngine",
    "PayoutResultRefused",
    "PayoutResultReport",
    "Programme",
    "RollLine",
]
