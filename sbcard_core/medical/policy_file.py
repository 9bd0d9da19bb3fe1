"""Policy tables as TOML, every entry checked; ``policies/*.toml`` show them all."""

import hashlib
import tomllib
from collections.abc import Mapping
from datetime import date
from importlib import resources
from typing import Any

from sbcard_core.medical.amounts import ALL_BP, AMOUNT_MAX
from sbcard_core.medical.policy import (
    CATASTROPHIC_FIELDS,
    PERSONAL_PARTS,
    SUPPLEMENT_FIELDS,
    Benefit,
    Fund,
    Policy,
    PolicyRefused,
    Remote,
    Supplement,
    Tier,
    YearSpan,
)
from sbcard_core.medical.visit import VisitKind
from sbcard_core.messages import message


def parse(text: str) -> Policy:
    """Read a table from TOML.

    Raises:
        PolicyRefused: not TOML, an entry missing, unknown or out of range, or two that contradict each other.
    """
    try:
        policy = _policy(tomllib.loads(text), hashlib.sha256(text.encode()).hexdigest())
    except tomllib.TOMLDecodeError as error:
        raise refused("toml", error=str(error)) from None
    except PolicyRefused:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise refused("kind", error=str(error)) from None
    check(policy)
    return policy


def samples() -> tuple[Policy, ...]:
    """The bundled samples, made-up numbers.

    Example:
        >>> [(policy.insutype, policy.sample) for policy in samples()]
        [('employee', True), ('resident', True)]
    """
    folder = resources.files("sbcard_core.medical") / "policies"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    return tuple(parse(entry.read_text(encoding="utf-8")) for entry in files)


def _policy(table: dict[str, Any], digest: str) -> Policy:
    policy = Policy(
        code=_text(table.pop("code")),
        insutype=_text(table.pop("insutype")),
        name=_text(table.pop("name")),
        sample=_flag(table.pop("sample")),
        source=_text(table.pop("source")),
        effective_from=_day(table.pop("effective_from")),
        effective_until=_day(table.pop("effective_until")) if "effective_until" in table else None,
        region=_text(table.pop("region", "")),
        fund_sum_includes_account=_flag(table.pop("fund_sum_includes_account")),
        overlimit_by_hospital=_flag(table.pop("overlimit_by_hospital", False)),
        year_span=YearSpan(table.pop("year_span")),
        benefits={VisitKind(kind): _benefit(benefit) for kind, benefit in table.pop("benefit").items()},
        catastrophic=_catastrophic(table.pop("catastrophic")) if "catastrophic" in table else None,
        supplements=tuple(map(_supplement, table.pop("supplement", ()))),
        remote={name: _remote(remote) for name, remote in table.pop("remote", {}).items()},
        digest=digest,
    )
    _empty(table)
    return policy


def _benefit(table: dict[str, Any]) -> Benefit:
    benefit = Benefit(
        bucket=_text(table.pop("bucket")),
        deductible_basis=_text(table.pop("deductible_basis")),
        deductible_fen={level: tuple(map(_number, fens)) for level, fens in table.pop("deductible_fen").items()},
        pool=_fund(table.pop("pool"), "hifp_pay"),
        catastrophic=_flag(table.pop("catastrophic")),
        account_scope=tuple(map(_text, table.pop("account_scope"))),
        family_scope=tuple(map(_text, table.pop("family_scope", ()))),
    )
    _empty(table)
    return benefit


def _catastrophic(table: dict[str, Any]) -> Fund:
    basis = _text(table.pop("basis"))
    if basis not in ("above", "burden"):
        raise refused("entry", entry="catastrophic.basis")
    return _fund(table, _text(table.pop("field")), of_burden=basis == "burden")


def _fund(table: dict[str, Any], field: str, *, of_burden: bool = False) -> Fund:
    tiers = tuple(
        Tier(
            None if tier.get("upto_fen") is None else _number(tier["upto_fen"]),
            {level: _number(bp) for level, bp in tier["ratio_bp"].items()},
        )
        for tier in table["tiers"]
    )
    if any(tier.keys() - {"upto_fen", "ratio_bp"} for tier in table.pop("tiers")):
        raise refused("unknown", entry=f"{field}.tiers")
    cap = _number(table.pop("pay_cap_fen")) if "pay_cap_fen" in table else None
    fund = Fund(field, _text(table.pop("fund_pay_type")), _text(table.pop("name")), tiers, cap, of_burden)
    _empty(table)
    return fund


def _supplement(table: dict[str, Any]) -> Supplement:
    supplement = Supplement(
        _text(table.pop("group")),
        _text(table.pop("field")),
        _text(table.pop("fund_pay_type")),
        _text(table.pop("name")),
        _number(table.pop("ratio_bp")),
        _number(table.pop("floor_fen", 0)),
        _number(table.pop("cap_fen")) if "cap_fen" in table else None,
    )
    _empty(table)
    return supplement


def _remote(table: dict[str, Any]) -> Remote:
    remote = Remote(_number(table.pop("deductible_bp")), _number(table.pop("ratio_cut_bp")))
    _empty(table)
    return remote


def check(policy: Policy) -> None:
    """Check what no single entry shows.

    Raises:
        PolicyRefused: an entry out of range, or two that contradict each other.
    """
    if policy.effective_until is not None and policy.effective_until <= policy.effective_from:
        raise refused("until")
    if not (policy.code and policy.insutype and policy.benefits):
        raise refused("entry", entry="code, insutype, benefit")
    basis: dict[str, str] = {}
    for kind, benefit in policy.benefits.items():
        _check_benefit(policy, kind, benefit)
        if basis.setdefault(benefit.bucket, benefit.deductible_basis) != benefit.deductible_basis:
            raise refused("two_bases", bucket=benefit.bucket)
    if policy.catastrophic is not None:
        if policy.catastrophic.field not in CATASTROPHIC_FIELDS:
            raise refused("entry", entry="catastrophic.field")
        if policy.catastrophic.pay_cap_fen is not None:
            raise refused("catastrophic_cap")
    _check_supplements(policy)
    for name, remote in policy.remote.items():
        if not (name and 0 <= remote.deductible_bp <= 10 * ALL_BP and 0 <= remote.ratio_cut_bp <= ALL_BP):
            raise refused("entry", entry=f"remote.{name}")


def _check_benefit(policy: Policy, kind: VisitKind, benefit: Benefit) -> None:
    if not benefit.bucket or benefit.deductible_basis not in ("visit", "year"):
        raise refused("entry", entry=f"{kind}: bucket, deductible_basis")
    for scope in (benefit.account_scope, benefit.family_scope):
        if not set(scope) <= set(PERSONAL_PARTS) or len(set(scope)) < len(scope):
            raise refused("entry", entry=f"{kind}: account_scope, family_scope")
    levels = benefit.deductible_fen
    if not levels or not all(fens and all(0 <= fen <= AMOUNT_MAX for fen in fens) for fens in levels.values()):
        raise refused("entry", entry=f"{kind}: deductible_fen")
    _check_tiers(benefit.pool, set(levels), exact=True)
    if benefit.catastrophic and policy.catastrophic is not None:
        _check_tiers(policy.catastrophic, set(levels), exact=False)


def _check_tiers(fund: Fund, levels: set[str], *, exact: bool) -> None:
    below = 0
    for tier in fund.tiers[:-1] if fund.tiers and fund.tiers[-1].upto_fen is None else fund.tiers:
        if tier.upto_fen is None or not below < tier.upto_fen <= AMOUNT_MAX:
            raise refused("tiers", field=fund.field)
        below = tier.upto_fen
    for tier in fund.tiers:
        named = set(tier.ratio_bp)
        right = named == levels if exact else named >= levels
        if not right or not all(0 <= bp <= ALL_BP for bp in tier.ratio_bp.values()):
            raise refused("ratios", field=fund.field, most=ALL_BP)
    if fund.pay_cap_fen is not None and not 0 <= fund.pay_cap_fen <= AMOUNT_MAX:
        raise refused("entry", entry=f"{fund.field}: pay_cap_fen")


def _check_supplements(policy: Policy) -> None:
    capped: set[str] = set()
    for s in policy.supplements:
        if s.field not in SUPPLEMENT_FIELDS or not 0 <= s.ratio_bp <= ALL_BP or not 0 <= s.floor_fen <= AMOUNT_MAX:
            raise refused("entry", entry=f"supplement {s.field}")
        if s.cap_fen is not None:
            if s.field in capped or not 0 <= s.cap_fen <= AMOUNT_MAX:
                raise refused("one_cap", field=s.field)
            capped.add(s.field)


def _empty(table: Mapping[str, Any]) -> None:
    if table:
        raise refused("unknown", entry=next(iter(table)))


def _text(value: object) -> str:
    if not (isinstance(value, str) and value.isprintable() and value == value.strip()):
        raise TypeError(f"str: {value!r}")
    return value


def _number(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"int: {value!r}")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"bool: {value!r}")
    return value


def _day(value: object) -> date:
    if type(value) is not date:
        raise TypeError(f"date: {value!r}")
    return value


def refused(fault: str, /, **parameters: object) -> PolicyRefused:
    """The error of a table, for this module and the book."""
    what = message("medical.policy", fault=message(f"medical.table.{fault}", **parameters))
    return PolicyRefused(what, step="medical.policy", term="待遇政策表")
