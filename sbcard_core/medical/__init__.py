"""The medical room: split a bill by a dated policy table, settle it in the ledger, cancel it (医疗费用结算)."""

from sbcard_core.medical.lines import FeeLine, Grade, LineParts
from sbcard_core.medical.policy import NoPolicy, Policy, PolicyRefused, in_force, parse, samples
from sbcard_core.medical.records import (
    Settlement,
    SettlementRefused,
    SettleStatus,
    accumulators_of,
    hospital_account,
)
from sbcard_core.medical.settle import cancel, settle, settle_many
from sbcard_core.medical.split import Accumulators, FundPay, Split, Visit, split
from sbcard_core.medical.trace import TraceStep, explain

__all__ = [
    "Accumulators",
    "FeeLine",
    "FundPay",
    "Grade",
    "LineParts",
    "NoPolicy",
    "Policy",
    "PolicyRefused",
    "SettleStatus",
    "Settlement",
    "SettlementRefused",
    "Split",
    "TraceStep",
    "Visit",
    "accumulators_of",
    "cancel",
    "explain",
    "hospital_account",
    "in_force",
    "parse",
    "samples",
    "settle",
    "settle_many",
    "split",
]
