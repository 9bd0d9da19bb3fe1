"""Paying pensions and subsidies to cards (待遇代发): one engine, a catalogue of programmes.

roll → matched person, card and account → approved by two officers → public notice → money blocked → bank files →
result files → paid, returned or unknown. Returned lines are paid again; unknown ones never are before the bank
confirms what became of them: their money waits in suspense.
"""

from sbcard_core.payout.acts import (
    DEATH_ACT,
    GIVE_UP_ACT,
    RECOVER_ACT,
    REINSTATE_ACT,
    RESUME_ACT,
    SUSPEND_ACT,
    TELL_ACT,
    WITHDRAW_ACT,
    WITHDRAW_DEATH_ACT,
)
from sbcard_core.payout.approval import ROLL_ACT
from sbcard_core.payout.deaths import DeathReport
from sbcard_core.payout.draft import RefusedLine
from sbcard_core.payout.engine import PayoutEngine
from sbcard_core.payout.lines import SUSPENSE, FundsShort, Progress, RollLine
from sbcard_core.payout.pension import Adjustment, Entitlement, PensionPayout
from sbcard_core.payout.people import Payment, Standing
from sbcard_core.payout.programmes import (
    FARM_SUBSIDY,
    LAND_SUBSIDY,
    PENSION,
    PROGRAMMES,
    Exclusion,
    Programme,
    pay_day,
)
from sbcard_core.payout.recovery import RecoveryRefused, RecoveryStatus
from sbcard_core.payout.repay import REPAY_ACT, Account
from sbcard_core.payout.results import PayoutResultRefused, PayoutResultReport
from sbcard_core.payout.returns import ReturnedLine
from sbcard_core.payout.rolls import Roll, RollRefused
from sbcard_core.payout.states import RETURN_CODES, LineState, RecoveryMode, RecoverySource, RollLineState, RollState
from sbcard_core.payout.status import RollStatus
from sbcard_core.payout.subsidy import Claim, Head, SubsidyPayout
from sbcard_core.values import LifeStatus

__all__ = [
    "DEATH_ACT",
    "FARM_SUBSIDY",
    "GIVE_UP_ACT",
    "LAND_SUBSIDY",
    "PENSION",
    "PROGRAMMES",
    "RECOVER_ACT",
    "REINSTATE_ACT",
    "REPAY_ACT",
    "RESUME_ACT",
    "RETURN_CODES",
    "ROLL_ACT",
    "SUSPEND_ACT",
    "SUSPENSE",
    "TELL_ACT",
    "WITHDRAW_ACT",
    "WITHDRAW_DEATH_ACT",
    "Account",
    "Adjustment",
    "Claim",
    "DeathReport",
    "Entitlement",
    "Exclusion",
    "FundsShort",
    "Head",
    "LifeStatus",
    "LineState",
    "Payment",
    "PayoutEngine",
    "PayoutResultRefused",
    "PayoutResultReport",
    "PensionPayout",
    "Programme",
    "Progress",
    "RecoveryMode",
    "RecoveryRefused",
    "RecoverySource",
    "RecoveryStatus",
    "RefusedLine",
    "ReturnedLine",
    "Roll",
    "RollLine",
    "RollLineState",
    "RollRefused",
    "RollState",
    "RollStatus",
    "Standing",
    "SubsidyPayout",
    "pay_day",
]
