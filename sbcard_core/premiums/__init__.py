"""Premiums (持卡缴费): bills by category and period, paid by card at counter, POS, ATM, telephone or agent bank."""

from sbcard_core.premiums.agency import Agency
from sbcard_core.premiums.book import IssueReport, Premiums
from sbcard_core.premiums.layout import (
    BILLS,
    PAYMENTS,
    AskState,
    CollectionRefused,
    CollectionReport,
    LineStatus,
    Suspended,
)
from sbcard_core.premiums.records import (
    Arrear,
    Bill,
    BillState,
    CategoryChange,
    Change,
    ChangeStatus,
    Channel,
    Insured,
    IssueStatus,
    Payment,
    PaymentStatus,
    PremiumRefused,
    Receipt,
    Refund,
    RefundStatus,
)
from sbcard_core.premiums.tariff import SAMPLE, Rate, Share, Tariff, load

__all__ = [
    "BILLS",
    "PAYMENTS",
    "SAMPLE",
    "Agency",
    "Arrear",
    "AskState",
    "Bill",
    "BillState",
    "CategoryChange",
    "Change",
    "ChangeStatus",
    "Channel",
    "CollectionRefused",
    "CollectionReport",
    "Insured",
    "IssueReport",
    "IssueStatus",
    "LineStatus",
    "Payment",
    "PaymentStatus",
    "PremiumRefused",
    "Premiums",
    "Rate",
    "Receipt",
    "Refund",
    "RefundStatus",
    "Share",
    "Suspended",
    "Tariff",
    "load",
]
