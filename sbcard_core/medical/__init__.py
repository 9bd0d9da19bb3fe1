"""The medical room: split a bill by a dated policy table, settle it in the ledger, cancel it (医疗费用结算)."""

from sbcard_core.medical.assess import Assessor
from sbcard_core.medical.bill import Bill, PursePayment, is_msgid
from sbcard_core.medical.billing import MedicalBilling
from sbcard_core.medical.cancel import Cancellation, cancel
from sbcard_core.medical.catalogue import (
    Catalogue,
    CatalogueRefused,
    Charge,
    TotalsDisagree,
    UnknownItem,
    parse_catalogue,
    sample_catalogue,
)
from sbcard_core.medical.desk import Outcome
from sbcard_core.medical.hunan import from_hunan, request_of, to_hunan
from sbcard_core.medical.lines import FeeLine, Grade, LineParts
from sbcard_core.medical.national import as_national, from_national, line_as_national
from sbcard_core.medical.policy import NoPolicy, NotCovered, Policy, PolicyRefused, YearSpan
from sbcard_core.medical.policy_book import PolicyBook, in_force
from sbcard_core.medical.policy_file import parse, samples
from sbcard_core.medical.records import Settlement, hospital_account
from sbcard_core.medical.refund import Refund
from sbcard_core.medical.reversal import Reversal
from sbcard_core.medical.settle import settle, settle_many
from sbcard_core.medical.split import FundPay, Split, split
from sbcard_core.medical.status import SettlementRefused, SettleStatus
from sbcard_core.medical.totals import DailyTotal, Detail
from sbcard_core.medical.trace import Rule, TraceStep, explain
from sbcard_core.medical.visit import Accumulators, Visit, VisitKind
from sbcard_core.medical.years import Years, accumulators_of

__all__ = [
    "Accumulators",
    "Assessor",
    "Bill",
    "Cancellation",
    "Catalogue",
    "CatalogueRefused",
    "Charge",
    "DailyTotal",
    "Detail",
    "FeeLine",
    "FundPay",
    "Grade",
    "LineParts",
    "MedicalBilling",
    "NoPolicy",
    "NotCovered",
    "Outcome",
    "Policy",
    "PolicyBook",
    "PolicyRefused",
    "PursePayment",
    "Refund",
    "Reversal",
    "Rule",
    "SettleStatus",
    "Settlement",
    "SettlementRefused",
    "Split",
    "TotalsDisagree",
    "TraceStep",
    "UnknownItem",
    "Visit",
    "VisitKind",
    "YearSpan",
    "Years",
    "accumulators_of",
    "as_national",
    "cancel",
    "explain",
    "from_hunan",
    "from_national",
    "hospital_account",
    "in_force",
    "is_msgid",
    "line_as_national",
    "parse",
    "parse_catalogue",
    "request_of",
    "sample_catalogue",
    "samples",
    "settle",
    "settle_many",
    "split",
    "to_hunan",
]
