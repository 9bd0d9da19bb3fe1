"""The split of a bill (费用分割): who pays which fen, in national field names.

Integer fen throughout; each share is rounded half-up once, and what is left of
the bill is the patient's, so no fen is lost or made. The order of the steps is
general practice, assumed; the numbers are the policy's.

``pool_prop_selfpay`` is not computed: its published meanings contradict each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from sbcard_core.errors import InvalidValue
from sbcard_core.medical.amounts import share
from sbcard_core.medical.lines import FeeLine
from sbcard_core.medical.policy import FUND_FIELDS, PERSONAL_PARTS, Fund, Policy
from sbcard_core.medical.trace import TraceStep
from sbcard_core.values import yuan


@dataclass(frozen=True, slots=True)
class Accumulators:
    """The person's year so far (年度累计), or with signs what one settlement adds to it.

    Attributes:
        visits: settled visits.
        deductible_fen: deductible paid.
        pool_base_fen: amount that went through the pool's tiers.
        catastrophic_base_fen: amount that went through the tiers above the cap.
    """

    visits: int = 0
    deductible_fen: int = 0
    pool_base_fen: int = 0
    catastrophic_base_fen: int = 0

    def plus(self, other: "Accumulators") -> "Accumulators":
        """Both together."""
        return Accumulators(
            self.visits + other.visits,
            self.deductible_fen + other.deductible_fen,
            self.pool_base_fen + other.pool_base_fen,
            self.catastrophic_base_fen + other.catastrophic_base_fen,
        )

    def negated(self) -> "Accumulators":
        """What a cancellation adds."""
        return Accumulators(-self.visits, -self.deductible_fen, -self.pool_base_fen, -self.catastrophic_base_fen)


@dataclass(frozen=True, slots=True)
class Visit:
    """What the split must know of the visit besides the bill.

    Attributes:
        level: hospital level, one the policy knows.
        groups: groups the person belongs to, for the policy's supplements.
        account_fen: what the personal account holds; it pays only if ``use_account``.
    """

    level: str = "3"
    groups: frozenset[str] = frozenset()
    account_fen: int = 0
    use_account: bool = True


@dataclass(frozen=True, slots=True)
class FundPay:
    """One entry of setldetail: what one fund pays of which amount, in fen."""

    fund_pay_type: str
    fund_pay_type_name: str
    inscp_scp_amt: int
    fund_payamt: int


@dataclass(frozen=True, slots=True)
class Split:
    """The result, in fen, under the names of the national settlement trades (2206/2207/2303/2304)."""

    medfee_sumamt: int = 0
    fulamt_ownpay_amt: int = 0
    overlmt_selfpay: int = 0
    preselfpay_amt: int = 0
    inscp_scp_amt: int = 0
    act_pay_dedc: int = 0
    hifp_pay: int = 0
    hifob_pay: int = 0
    hifmi_pay: int = 0
    cvlserv_pay: int = 0
    hifes_pay: int = 0
    maf_pay: int = 0
    oth_pay: int = 0
    fund_pay_sumamt: int = 0
    psn_part_amt: int = 0
    acct_pay: int = 0
    acct_mulaid_pay: int = 0
    psn_cash_pay: int = 0
    hosp_part_amt: int = 0
    setldetail: tuple[FundPay, ...] = ()
    added: Accumulators = Accumulators()
    policy: str = ""
    trace: tuple[TraceStep, ...] = ()

    @property
    def funds_fen(self) -> int:
        """What the funds pay, the personal account never counted (fund_pay_sumamt may count it)."""
        return sum(getattr(self, name) for name in FUND_FIELDS)

    def negated(self) -> Self:
        """The exact negative: what a cancellation (2208/2305) records."""
        amounts = {name: -getattr(self, name) for name in AMOUNT_FIELDS}
        detail = tuple(
            replace(pay, inscp_scp_amt=-pay.inscp_scp_amt, fund_payamt=-pay.fund_payamt) for pay in self.setldetail
        )
        trace = tuple(replace(step, basis_fen=-step.basis_fen, amount_fen=-step.amount_fen) for step in self.trace)
        return replace(self, **amounts, setldetail=detail, added=self.added.negated(), trace=trace)


AMOUNT_FIELDS: Final = tuple(
    name for name in Split.__dataclass_fields__ if name not in ("setldetail", "added", "policy", "trace")
)
"""Names of the amounts of a split."""


def split(
    lines: Sequence[FeeLine], policy: Policy, accumulators: Accumulators = Accumulators(), visit: Visit = Visit()
) -> Split:
    """Split a bill.

    Args:
        lines: the charges.
        policy: the table in force on the day.
        accumulators: the person's year before this visit.
        visit: level, groups and personal account.

    Returns:
        The split. Add ``Split.added`` to the accumulators once it is settled.

    Raises:
        InvalidValue: a level the policy does not know, a negative accumulator or account.

    Example:
        >>> from sbcard_core.medical.lines import Grade
        >>> from sbcard_core.medical.policy import samples
        >>> employee, _ = samples()
        >>> bill = [FeeLine("CT", Grade.B, 200_000, selfpay_prop_bp=1000), FeeLine("镶牙", Grade.C, 5_000)]
        >>> result = split(bill, employee, visit=Visit(level="3", account_fen=10_000))
        >>> result.funds_fen, result.acct_pay, result.psn_cash_pay, result.medfee_sumamt
        (75600, 10000, 119400, 205000)
    """
    counters = (accumulators.visits, accumulators.deductible_fen, accumulators.pool_base_fen)
    if visit.level not in policy.levels or min(*counters, accumulators.catastrophic_base_fen, visit.account_fen) < 0:
        raise InvalidValue(
            "unknown hospital level, or a negative accumulator or account",
            step="medical.split",
            term="费用分割",
            advice=f"levels of {policy.code}: {', '.join(policy.levels)}",
        )
    return _Work(policy, accumulators, visit).run(lines)


class _Work:
    """One split under way: fields fill as their steps are traced, so that the trace cannot differ from them."""

    def __init__(self, policy: Policy, accumulators: Accumulators, visit: Visit) -> None:
        self.policy = policy
        self.before = accumulators
        self.visit = visit
        self.fields: dict[str, int] = dict.fromkeys(AMOUNT_FIELDS, 0)
        self.steps: list[TraceStep] = []
        self.detail: list[FundPay] = []

    def put(self, field: str, basis_fen: int, ratio_bp: int | None, amount_fen: int, source: str) -> None:
        if amount_fen or ratio_bp is not None:
            self.fields[field] += amount_fen
            self.steps.append(TraceStep(field, basis_fen, ratio_bp, amount_fen, source))

    def run(self, lines: Sequence[FeeLine]) -> Split:
        self.cut_lines(lines)
        scope = self.fields["inscp_scp_amt"]
        deductible = self.deductible(scope)
        after = scope - deductible
        pooled = self.tiers(self.policy.pool, self.before.pool_base_fen, after)
        above = 0
        if self.policy.catastrophic is not None:
            above = self.tiers(self.policy.catastrophic, self.before.catastrophic_base_fen, after - pooled)
        self.supplement(scope - self.funds())
        self.patient(scope - self.funds())
        return self.result(Accumulators(1, deductible, pooled, above))

    def cut_lines(self, lines: Iterable[FeeLine]) -> None:
        for number, line in enumerate(lines, start=1):
            total = line.det_item_fee_sumamt
            parts = line.cut()
            source = f"第{number}行{line.grade.zh}{line.item}"
            self.fields["medfee_sumamt"] += total
            self.put("fulamt_ownpay_amt", total, None, parts.fulamt_ownpay_amt, source)
            self.put("overlmt_selfpay", total, None, parts.overlmt_selfpay, source)
            if parts.preselfpay_amt:
                within = total - parts.overlmt_selfpay
                self.put("preselfpay_amt", within, line.selfpay_prop_bp, parts.preselfpay_amt, source)
            self.put("inscp_scp_amt", total, None, parts.inscp_scp_amt, source)

    def deductible(self, scope_fen: int) -> int:
        by_visit = self.policy.deductible_fen[self.visit.level]
        full = by_visit[min(self.before.visits, len(by_visit) - 1)]
        paid = self.before.deductible_fen if self.policy.deductible_basis == "year" else 0
        fen = min(scope_fen, max(0, full - paid))
        self.put("act_pay_dedc", scope_fen, None, fen, f"标准{yuan(full)}元,已付{yuan(paid)}元")
        return fen

    def tiers(self, fund: Fund, start_fen: int, amount_fen: int) -> int:
        """Let the fund pay its tiers of the year's amount from ``start_fen`` on; return how much went through them."""
        at, left = start_fen, amount_fen
        paid_before = self.fields[fund.field]
        for number, tier in enumerate(fund.tiers, start=1):
            room = left if tier.upto_fen is None else min(left, max(0, tier.upto_fen - at))
            if room:
                ratio = tier.ratio_bp[self.visit.level]
                self.put(fund.field, room, ratio, share(room, ratio), f"年度累计第{number}段")
                at, left = at + room, left - room
        through = amount_fen - left
        self.note(fund.fund_pay_type, fund.name, through, self.fields[fund.field] - paid_before)
        return through

    def supplement(self, rest_fen: int) -> None:
        for s in self.policy.supplements:
            if s.group in self.visit.groups and rest_fen:
                fen = share(rest_fen, s.ratio_bp)
                self.put(s.field, rest_fen, s.ratio_bp, fen, s.name)
                self.note(s.fund_pay_type, s.name, rest_fen, fen)
                rest_fen -= fen

    def patient(self, rest_fen: int) -> None:
        """What is left: the personal account pays what it may, cash the rest, residues of rounding included."""
        parts = {name: self.fields[name] for name in PERSONAL_PARTS}
        parts["inscp_scp_amt"] = rest_fen
        self.fields["psn_part_amt"] = sum(parts.values())
        account = self.visit.account_fen if self.visit.use_account else 0
        for name in self.policy.account_scope:
            fen = min(account, parts[name])
            self.put("acct_pay", parts[name], None, fen, name)
            parts[name] -= fen
            account -= fen
        for name, fen in parts.items():
            self.put("psn_cash_pay", fen, None, fen, name)

    def note(self, fund_pay_type: str, name: str, basis_fen: int, fen: int) -> None:
        if fen:
            self.detail.append(FundPay(fund_pay_type, name, basis_fen, fen))

    def funds(self) -> int:
        return sum(self.fields[name] for name in FUND_FIELDS)

    def result(self, added: Accumulators) -> Split:
        extra = self.fields["acct_pay"] if self.policy.fund_sum_includes_account else 0
        self.note("", "个人账户", extra, extra)
        self.fields["fund_pay_sumamt"] = self.funds() + extra
        return Split(
            **self.fields, setldetail=tuple(self.detail), added=added, policy=self.policy.code, trace=tuple(self.steps)
        )
