"""Bills and tables by the hundred thousand, quicker than hypothesis: seeded, small and large amounts mixed."""

from datetime import date
from decimal import Decimal
from random import Random

from sbcard_core.medical import Accumulators, FeeLine, Grade, Policy, Visit, VisitKind
from sbcard_core.medical.policy import PERSONAL_PARTS, Benefit, Fund, Remote, Supplement, Tier, YearSpan

LEVELS = ("1", "2")
GRADES = (Grade.A, Grade.A, Grade.B, Grade.C)
SUPPLEMENTS = ("cvlserv_pay", "hifes_pay", "maf_pay", "oth_pay")


def amount(rng: Random, top: int) -> int:
    """Small, round or large, each as likely."""
    return rng.choice(
        (rng.randrange(3), rng.randrange(60), rng.randrange(top + 1), rng.randrange(top + 1) // 100 * 100)
    )


def tiers(rng: Random, top: int) -> tuple[Tier, ...]:
    ends: list[int | None] = sorted({1 + rng.randrange(top) for _ in range(rng.randrange(4))})
    if rng.random() < 0.5:
        ends.append(None)
    return tuple(Tier(end, {level: rng.choice((0, 10_000, rng.randrange(10_001))) for level in LEVELS}) for end in ends)


def maybe(rng: Random, top: int) -> int | None:
    return amount(rng, top) if rng.random() < 0.4 else None


def scope(rng: Random) -> tuple[str, ...]:
    return tuple(rng.sample(PERSONAL_PARTS, rng.randrange(5)))


def benefit(rng: Random, bucket: str, top: int) -> Benefit:
    deductible = {level: tuple(amount(rng, top // 4) for _ in range(1 + rng.randrange(3))) for level in LEVELS}
    pool = Fund("hifp_pay", "390100", "统筹", tiers(rng, top), maybe(rng, top))
    basis = rng.choice(("visit", "year"))
    return Benefit(bucket, basis, deductible, pool, rng.random() < 0.7, scope(rng), scope(rng))


def policy(rng: Random, code: str, top: int) -> Policy:
    fields = rng.sample(SUPPLEMENTS, rng.randrange(4))
    field = rng.choice(("hifob_pay", "hifmi_pay"))
    return Policy(
        code=code,
        insutype=code,
        name="test",
        sample=True,
        source="made up",
        effective_from=date(2014, 1, 1),
        fund_sum_includes_account=rng.random() < 0.5,
        overlimit_by_hospital=rng.random() < 0.3,
        benefits={kind: benefit(rng, kind.value, top) for kind in VisitKind},
        catastrophic=Fund(field, "", "大病", tiers(rng, top), of_burden=rng.random() < 0.5)
        if rng.random() < 0.7
        else None,
        supplements=tuple(
            Supplement(
                rng.choice("gh"), name, "", "补充", rng.randrange(10_001), amount(rng, top // 9), maybe(rng, top)
            )
            for name in fields
        ),
        remote={"unfiled": Remote(rng.randrange(30_000), rng.randrange(5_000))},
        year_span=YearSpan.END,
    )


def line(rng: Random, top: int) -> FeeLine:
    grade = rng.choice(GRADES)
    fen = amount(rng, top)
    limited = rng.random() < 0.3
    price = Decimal(rng.randrange(1, 20_000)).scaleb(-2) if limited else Decimal(0)
    cnt = Decimal(rng.randrange(200)).scaleb(-1)
    limit = Decimal(rng.randrange(20_000)).scaleb(-2) if limited else None
    return FeeLine("项目", grade, fen, price, cnt, limit, rng.randrange(10_001) if grade is Grade.B else 0)


def visit(rng: Random, top: int) -> Visit:
    groups = frozenset(name for name in "gh" if rng.random() < 0.5)
    remote = "unfiled" if rng.random() < 0.2 else ""
    kind = rng.choice(list(VisitKind))
    level, use = rng.choice(LEVELS), rng.random() < 0.8
    return Visit(level, groups, amount(rng, top), use, kind, remote, amount(rng, top))


def year(rng: Random, top: int) -> Accumulators:
    return Accumulators(rng.randrange(4), *(amount(rng, top) for _ in range(8)))
