"""The split of a bill (费用分割): who pays which fen, in national field names.

Integer fen throughout; each share is rounded half-up once, and what is left of
the bill is the patient's, so no fen is lost or made. The order of the steps is
general practice, assumed; the numbers are the policy's.

``pool_prop_selfpay`` is not computed: its published meanings contradict each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, Self

from sbcard_core.errors import InvalidValue
from sbcard_core.medical.amounts import AMOUNT_MAX, basis_of, share
from sbcard_core.medical.lines import FeeLine, Grade
from sbcard_core.medical.policy import FUND_FIELDS, PERSONAL_PARTS, Fund, Policy
from sbcard_core.medical.trace import Rule, TraceStep, explain
from sbcard_core.medical.visit import NOTHING, Accumulators, Visit
from sbcard_core.messages import message
from sbcard_core.values import FEN_MAX

_LINE, _DEDUCTIBLE, _TIER, _SUPPLEMENT, _PART = (rule.value for rule in Rule)
_GRADE_ZH: Final = {grade: grade.zh for grade in Grade}
_PAID: Final = {name: index for index, name in enumerate(Accumulators._fields)}

ANY_VISIT: Final = Visit()
ACCOUNT_CODE: Final = "3102"
"""Beginning of the fund_pay_type of personal accounts; from real replies."""

RawStep = tuple[str, int, int | None, int, str, tuple[Any, ...]]
"""The values of a ``TraceStep``."""


class FundPay(NamedTuple):
    """One entry of setldetail: what one fund pays of which amount, in fen.

    ``crt_payb_lmt_amt`` is what the fund could still pay this year before this bill; ``None`` where it has no cap.
    """

    fund_pay_type: str
    fund_pay_type_name: str
    inscp_scp_amt: int
    fund_payamt: int
    crt_payb_lmt_amt: int | None
    field: str

    def negated(self) -> "FundPay":
        """The same with the amounts reversed; the limit is no amount that moved."""
        return self._replace(inscp_scp_amt=-self.inscp_scp_amt, fund_payamt=-self.fund_payamt)


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
    added: Accumulators = NOTHING
    policy: str = ""
    bucket: str = ""
    steps: tuple[RawStep, ...] = ()

    @property
    def trace(self) -> tuple[TraceStep, ...]:
        """Every movement with its rule."""
        return tuple(TraceStep(*step) for step in self.steps)

    def explain(self) -> list[str]:
        """The trace as sentences for a clerk."""
        return explain(self.trace)

    def as_json(self) -> dict[str, Any]:
        """Every amount in fen by its national name, each fund, and the trace: ready for ``json.dumps``."""
        return {
            "policy": self.policy,
            **{name: getattr(self, name) for name in AMOUNT_FIELDS},
            "setldetail": [pay._asdict() for pay in self.setldetail],
            "trace": [step.as_json() for step in self.trace],
        }

    @property
    def funds_fen(self) -> int:
        """What the funds pay, the personal account never counted (fund_pay_sumamt may count it)."""
        return sum([getattr(self, name) for name in FUND_FIELDS])

    def negated(self) -> Self:
        """The exact negative: what a cancellation (2208/2305) records."""
        amounts = {name: -getattr(self, name) for name in AMOUNT_FIELDS}
        detail = tuple(pay.negated() for pay in self.setldetail)
        steps = tuple((field, -basis, ratio, -fen, rule, args) for field, basis, ratio, fen, rule, args in self.steps)
        return replace(self, **amounts, setldetail=detail, added=self.added.negated(), steps=steps)


AMOUNT_FIELDS: Final = tuple(
    name for name in Split.__dataclass_fields__ if name not in ("setldetail", "added", "policy", "bucket", "steps")
)
"""Names of the amounts of a split."""


def split(
    lines: Sequence[FeeLine], policy: Policy, accumulators: Accumulators = NOTHING, visit: Visit = ANY_VISIT
) -> Split:
    """Split a bill.

    The amounts do not depend on the order of the lines. A bill without any charge is no visit: it adds nothing.

    Args:
        lines: the charges.
        policy: the table in force on the day.
        accumulators: the person's year before this visit, in the bucket of the visit's kind.
        visit: kind, level, groups and who pays beside the funds.

    Returns:
        The split. Add ``Split.added`` to the accumulators once it is settled.

    Raises:
        NotCovered: a kind, level or category the policy does not know.
        InvalidValue: a negative accumulator or account, a bill too large for numeric(16,2), a year too large for int64.

    Example:
        >>> from sbcard_core.medical.lines import Grade
        >>> from sbcard_core.medical.policy_file import samples
        >>> employee, _ = samples()
        >>> bill = [FeeLine("CT", Grade.B, 200_000, selfpay_prop_bp=1000), FeeLine("镶牙", Grade.C, 5_000)]
        >>> result = split(bill, employee, visit=Visit(level="3", account_fen=10_000))
        >>> result.funds_fen, result.acct_pay, result.psn_cash_pay, result.medfee_sumamt
        (75600, 10000, 119400, 205000)
    """
    work = _Work(policy, accumulators, visit)
    if min(accumulators) < 0 or visit.account_fen < 0 or visit.family_fen < 0:
        raise InvalidValue(message("medical.split.negative"), step="medical.split", term="费用分割")
    if max(accumulators) > FEN_MAX - AMOUNT_MAX:
        raise InvalidValue(message("medical.split.year_full"), step="medical.split", term="年度累计")
    return work.run(lines)


class _Work:
    """One split under way: fields fill as their steps are traced, so that the trace cannot differ from them."""

    __slots__ = ("before", "detail", "fields", "paid", "plan", "policy", "steps", "visit")

    def __init__(self, policy: Policy, accumulators: Accumulators, visit: Visit) -> None:
        self.policy = policy
        self.plan = policy.plan(visit.kind, visit.level, visit.remote)
        self.before = accumulators
        self.visit = visit
        self.fields: dict[str, int] = dict.fromkeys(AMOUNT_FIELDS, 0)
        self.steps: list[RawStep] = []
        self.detail: list[FundPay] = []
        self.paid = 0
        """What the funds pay so far."""

    def put(self, field: str, basis_fen: int, amount_fen: int, rule: str, args: tuple[Any, ...]) -> None:
        if amount_fen:
            self.fields[field] += amount_fen
            self.steps.append((field, basis_fen, None, amount_fen, rule, args))

    def run(self, lines: Sequence[FeeLine]) -> Split:
        self.cut_lines(lines)
        scope = self.fields["inscp_scp_amt"]
        deductible = self.deductible(scope) if scope else 0
        after = scope - deductible
        benefit, fund = self.plan.benefit, self.plan.catastrophic
        pooled = above = 0
        if after:
            cap = benefit.pool.pay_cap_fen
            left = None if cap is None else max(0, cap - self.before.pool_paid_fen)
            pooled = self.tiers(benefit.pool, self.plan.pool, self.before.pool_base_fen, after, left)
        if fund is not None:
            amount = scope - self.paid if fund.of_burden else after - pooled
            above = self.tiers(fund, self.plan.above, self.before.catastrophic_base_fen, amount, None)
        self.supplements(scope)
        self.patient(scope - self.paid)
        return self.result(deductible, pooled, above)

    def cut_lines(self, lines: Sequence[FeeLine]) -> None:
        total = own = over = first = scope = 0
        steps = self.steps
        for number, line in enumerate(lines, start=1):
            fen = line.det_item_fee_sumamt
            args = (number, _GRADE_ZH[line.grade], line.item)
            total += fen
            if line.grade is Grade.A and line.pric_uplmt_amt is None:  # the common line, and the result of its cut
                scope += fen
                if fen:
                    steps.append(("inscp_scp_amt", fen, None, fen, _LINE, args))
                continue
            ownpay, overlmt, preself, inscp = line.parts()
            if ownpay:
                own += ownpay
                steps.append(("fulamt_ownpay_amt", fen, None, ownpay, _LINE, args))
            if overlmt:
                over += overlmt
                steps.append(("overlmt_selfpay", fen, None, overlmt, _LINE, args))
            if preself:
                first += preself
                steps.append(("preselfpay_amt", fen - overlmt, line.selfpay_prop_bp, preself, _LINE, args))
            if inscp:
                scope += inscp
                steps.append(("inscp_scp_amt", fen, None, inscp, _LINE, args))
        if total > AMOUNT_MAX:
            raise InvalidValue(message("medical.amount"), step="medical.split", term="费用合计")
        fields = self.fields
        fields["medfee_sumamt"], fields["fulamt_ownpay_amt"], fields["overlmt_selfpay"] = total, own, over
        fields["preselfpay_amt"], fields["inscp_scp_amt"] = first, scope

    def deductible(self, scope_fen: int) -> int:
        by_visit = self.plan.deductible_fen
        full = by_visit[min(self.before.visits, len(by_visit) - 1)]
        paid = self.before.deductible_fen if self.plan.yearly else 0
        fen = min(scope_fen, max(0, full - paid))
        self.put("act_pay_dedc", scope_fen, fen, _DEDUCTIBLE, (full, paid))
        return fen

    def tiers(
        self, fund: Fund, tiers: Sequence[tuple[int | None, int]], start_fen: int, amount_fen: int, cap_fen: int | None
    ) -> int:
        """Let the fund pay its tiers of the year's amount from ``start_fen`` on; return how much went through them.

        A cap that is reached ends the walk: the rest of the amount has not gone through.
        """
        at, left, paid = start_fen, amount_fen, 0
        for number, (end, ratio) in enumerate(tiers, start=1):
            room = left if end is None else min(left, max(0, end - at))
            if not room:
                continue
            fen = share(room, ratio)
            capped = cap_fen is not None and paid + fen > cap_fen
            if capped:
                fen = (cap_fen or 0) - paid
                room = basis_of(fen, ratio)
            if room:
                self.steps.append((fund.field, room, ratio, fen, _TIER, (number,)))
            at, left, paid = at + room, left - room, paid + fen
            if capped or not left:
                break
        through = amount_fen - left
        self.pay(fund.field, fund.fund_pay_type, fund.name, through, paid, cap_fen)
        return through

    def supplements(self, scope_fen: int) -> None:
        for s in self.policy.supplements:
            rest = scope_fen - self.paid - s.floor_fen
            if rest <= 0 or s.group not in self.visit.groups:
                continue
            fen = share(rest, s.ratio_bp)
            left = None
            if s.cap_fen is not None:
                before = self.before[_PAID[f"{s.field.removesuffix('_pay')}_fen"]]
                left = max(0, s.cap_fen - before - self.fields[s.field])
                if fen > left:
                    fen, rest = left, basis_of(left, s.ratio_bp)
            self.steps.append((s.field, rest, s.ratio_bp, fen, _SUPPLEMENT, (s.name,)))
            self.pay(s.field, s.fund_pay_type, s.name, rest, fen, left)

    def pay(self, field: str, code: str, name: str, basis_fen: int, fen: int, limit_fen: int | None) -> None:
        if fen:
            self.fields[field] += fen
            self.paid += fen
            self.detail.append(FundPay(code, name, basis_fen, fen, limit_fen, field))

    def patient(self, rest_fen: int) -> None:
        """What is left: accounts pay what they may, cash the rest, residues of rounding included."""
        fields, steps = self.fields, self.steps
        parts = {name: fields[name] for name in PERSONAL_PARTS}
        parts["inscp_scp_amt"] = rest_fen
        if self.policy.overlimit_by_hospital:
            over = parts.pop("overlmt_selfpay")
            self.put("hosp_part_amt", over, over, _PART, ("overlmt_selfpay",))
        fields["psn_part_amt"] = cash = sum(parts.values())
        visit, benefit = self.visit, self.plan.benefit
        if visit.use_account and (visit.account_fen or visit.family_fen):
            self.account("acct_pay", visit.account_fen, benefit.account_scope, parts)
            self.account("acct_mulaid_pay", visit.family_fen, benefit.family_scope, parts)
            cash -= fields["acct_pay"] + fields["acct_mulaid_pay"]
        fields["psn_cash_pay"] = cash
        for name, fen in parts.items():
            if fen:
                steps.append(("psn_cash_pay", fen, None, fen, _PART, (name,)))

    def account(self, field: str, held_fen: int, scope: Sequence[str], parts: dict[str, int]) -> None:
        for name in scope:
            fen = min(held_fen, parts.get(name, 0))
            if fen:
                self.put(field, parts[name], fen, _PART, (name,))
                parts[name] -= fen
                held_fen -= fen

    def result(self, deductible: int, pooled: int, above: int) -> Split:
        fields = self.fields
        extra = fields["acct_pay"] if self.policy.fund_sum_includes_account else 0
        if extra:
            self.detail.append(FundPay(f"{ACCOUNT_CODE}00", "个人账户", extra, extra, None, "acct_pay"))
        fields["fund_pay_sumamt"] = self.paid + extra
        added = Accumulators(
            1 if fields["medfee_sumamt"] else 0,
            deductible,
            pooled,
            fields["hifp_pay"],
            above,
            fields["cvlserv_pay"],
            fields["hifes_pay"],
            fields["maf_pay"],
            fields["oth_pay"],
        )
        return Split(
            **fields,
            setldetail=tuple(self.detail),
            added=added,
            policy=self.policy.code,
            bucket=self.plan.benefit.bucket,
            steps=tuple(self.steps),
        )
