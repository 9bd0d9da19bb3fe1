"""The split again, written differently: fen by fen through the tiers, exact fractions, rounded at the end of each.

It reads the policy's own entries (not the compiled plan) and shares no code with the split. For small amounts only.
"""

from fractions import Fraction
from math import floor

from sbcard_core.medical import Accumulators, FeeLine, Policy, Visit
from sbcard_core.medical.policy import Fund


def half_up(x: Fraction) -> int:
    return floor(x + Fraction(1, 2))


def oracle(  # noqa: PLR0912, PLR0915 - one walk, from top to bottom
    lines: list[FeeLine], policy: Policy, year: Accumulators, visit: Visit
) -> dict[str, int]:
    out: dict[str, int] = {}

    def add(name: str, fen: int) -> None:
        out[name] = out.get(name, 0) + fen

    for line in lines:
        rest = line.det_item_fee_sumamt
        add("medfee_sumamt", rest)
        if line.grade.value == "03":
            add("fulamt_ownpay_amt", rest)
            continue
        if line.pric_uplmt_amt is not None:
            price, limit = (Fraction(str(x)) for x in (line.pric, line.pric_uplmt_amt))
            over = min(rest, half_up(max(Fraction(0), price - limit) * Fraction(str(line.cnt))))
            add("overlmt_selfpay", over)
            rest -= over
        if line.grade.value == "02":
            first = half_up(rest * Fraction(line.selfpay_prop_bp, 10_000))
            add("preselfpay_amt", first)
            rest -= first
        add("inscp_scp_amt", rest)

    benefit = policy.benefits[visit.kind]
    remote = policy.remote[visit.remote] if visit.remote else None
    scope = out.get("inscp_scp_amt", 0)
    steps = benefit.deductible_fen[visit.level]
    line_of_pay = steps[year.visits] if year.visits < len(steps) else steps[-1]
    if remote:
        line_of_pay = half_up(line_of_pay * Fraction(remote.deductible_bp, 10_000))
    if benefit.deductible_basis == "year":
        line_of_pay -= year.deductible_fen
    deductible = max(0, min(scope, line_of_pay))
    add("act_pay_dedc", deductible)

    def walk(fund: Fund, at: int, left: int, cap: int | None, cut: int) -> tuple[int, int]:
        """Count fen by fen how many fall into each tier; returns what was paid and how many went through."""
        paid = through = 0
        for tier in fund.tiers:
            ratio = Fraction(max(0, tier.ratio_bp[visit.level] - cut), 10_000)
            n = 0
            while n < left and (tier.upto_fen is None or at + n < tier.upto_fen):
                n += 1
            if cap is not None and paid + half_up(n * ratio) > cap:
                n = 0
                while paid + half_up(n * ratio) < cap:
                    n += 1
                return cap, through + n
            paid, through, at, left = paid + half_up(n * ratio), through + n, at + n, left - n
        return paid, through

    cap = benefit.pool.pay_cap_fen
    left = None if cap is None else max(0, cap - year.pool_paid_fen)
    hifp, through = walk(
        benefit.pool, year.pool_base_fen, scope - deductible, left, remote.ratio_cut_bp if remote else 0
    )
    add("hifp_pay", hifp)
    paid = hifp
    if policy.catastrophic is not None and benefit.catastrophic:
        base = scope - hifp if policy.catastrophic.of_burden else scope - deductible - through
        fen, _ = walk(policy.catastrophic, year.catastrophic_base_fen, base, None, 0)
        add(policy.catastrophic.field, fen)
        paid += fen
    for s in policy.supplements:
        if s.group in visit.groups:
            fen = half_up(max(0, scope - paid - s.floor_fen) * Fraction(s.ratio_bp, 10_000))
            if s.cap_fen is not None:
                before = getattr(year, s.field.replace("_pay", "_fen")) + out.get(s.field, 0)
                fen = min(fen, max(0, s.cap_fen - before))
            add(s.field, fen)
            paid += fen
    own = {
        "inscp_scp_amt": scope - paid,
        **{name: out.get(name, 0) for name in ("preselfpay_amt", "overlmt_selfpay", "fulamt_ownpay_amt")},
    }
    if policy.overlimit_by_hospital:
        add("hosp_part_amt", own["overlmt_selfpay"])
        own["overlmt_selfpay"] = 0
    add("psn_part_amt", sum(own.values()))
    if visit.use_account:
        for field, held, names in (
            ("acct_pay", visit.account_fen, benefit.account_scope),
            ("acct_mulaid_pay", visit.family_fen, benefit.family_scope),
        ):
            purse = held
            for name in names:
                while purse and own[name]:
                    bite = min(purse, own[name], 7)  # in small bites
                    own[name] -= bite
                    purse -= bite
                    add(field, bite)
    add("psn_cash_pay", sum(own.values()))
    add("fund_pay_sumamt", paid + (out.get("acct_pay", 0) if policy.fund_sum_includes_account else 0))
    return {name: fen for name, fen in out.items() if fen}
