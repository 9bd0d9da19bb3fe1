"""Premiums (持卡缴费): bills by category and period, paid by card at counter, POS, ATM, telephone or agent bank."""

from sbcard_core.premiums.book import IssueReport, Premiums
from sbcard_core.premiums.records import (
    Arrear,
    BillState,
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
    "SAMPLE",
    "Arrear",
    "BillState",
    "Channel",
    "Insured",
    "IssueReport",
    "IssueStatus",
    "Payment",
    "PaymentStatus",
    "PremiumRefused",
    "Premiums",
    "Rate",
    "Receipt",
    "Refund",
    "RefundStatus",
    "Share",
    "Tariff",
    "load",
]
