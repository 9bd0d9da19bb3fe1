"""A policy table (医保待遇政策): dated data of one coordinating region, read from TOML and checked.

No trustworthy public table was found, so the bundled ones are samples with
made-up numbers and say so. Which steps there are and in which order is general
practice, assumed.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import Any, Final

from sbcard_core.errors import InvalidValue
from sbcard_core.medical.amounts import ALL_BP

PERSONAL_PARTS: Final = ("inscp_scp_amt", "preselfpay_amt", "overlmt_selfpay", "fulamt_ownpay_amt")
"""The parts of what the patient pays, by the national name of the part of the bill they come from."""
CATASTROPHIC_FIELDS: Final = ("hifob_pay", "hifmi_pay")
SUPPLEMENT_FIELDS: Final = ("cvlserv_pay", "hifes_pay", "maf_pay", "oth_pay")
FUND_FIELDS: Final = ("hifp_pay", *CATASTROPHIC_FIELDS, *SUPPLEMENT_FIELDS)
"""National names of what the funds pay, in the order of the split."""


class PolicyRefused(InvalidValue):
    """A policy table that cannot be used; the message names the entry."""


class NoPolicy(InvalidValue):
    """No table is in force for that insurance on that day."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A stretch of the year's amount, up to ``upto_fen`` (``None``: without end), and the fund's share by level."""

    upto_fen: int | None
    ratio_bp: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Fund:
    """A fund that pays by tiers; ``fund_pay_type`` is empty where no public code was found."""

    field: str
    fund_pay_type: str
    name: str
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class Supplement:
    """A payer that takes a share of what is left, for persons of one group."""

    group: str
    field: str
    fund_pay_type: str
    name: str
    ratio_bp: int


@dataclass(frozen=True, slots=True)
class Policy:
    """One region's table for one insurance, in force from a day until the next table.

    Attributes:
        fund_sum_includes_account: whether fund_pay_sumamt counts the personal account (Zhuhai) or not (Hunan).
        deductible_basis: ``"visit"`` or ``"year"``.
        account_scope: which parts the personal account may pay, in order; names of ``PERSONAL_PARTS``.
        deductible_fen: by hospital level, then by visit of the year.
    """

    code: str
    insutype: str
    name: str
    sample: bool
    source: str
    effective_from: date
    fund_sum_includes_account: bool
    deductible_basis: str
    account_scope: tuple[str, ...]
    deductible_fen: Mapping[str, tuple[int, ...]]
    pool: Fund
    catastrophic: Fund | None
    supplements: tuple[Supplement, ...]

    @property
    def levels(self) -> tuple[str, ...]:
        """Hospital levels the table knows."""
        return tuple(self.deductible_fen)


def parse(text: str) -> Policy:
    """Read a table from TOML; the bundled ``policies/*.toml`` show every entry.

    Raises:
        PolicyRefused: not TOML, an entry missing or out of range.
    """
    try:
        table = tomllib.loads(text)
        policy = _policy(table)
    except tomllib.TOMLDecodeError as error:
        raise _refused(str(error)) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _refused(f"missing or of the wrong kind: {error}") from None
    _check(policy)
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


def in_force(policies: Iterable[Policy], insutype: str, on: date) -> Policy:
    """The table of an insurance in force on a day: the latest that has begun.

    Raises:
        NoPolicy: none has begun.

    Example:
        >>> in_force(samples(), "resident", date(2014, 7, 31)).code
        'resident-sample-2014'
    """
    begun = [policy for policy in policies if policy.insutype == insutype and policy.effective_from <= on]
    if not begun:
        raise NoPolicy(
            f"no {insutype!r} policy on {on}", step="medical.in_force", term="待遇政策", advice="load a table"
        )
    return max(begun, key=lambda policy: policy.effective_from)


def _policy(table: Mapping[str, Any]) -> Policy:
    return Policy(
        code=_text(table["code"]),
        insutype=_text(table["insutype"]),
        name=_text(table["name"]),
        sample=_flag(table["sample"]),
        source=_text(table["source"]),
        effective_from=_day(table["effective_from"]),
        fund_sum_includes_account=_flag(table["fund_sum_includes_account"]),
        deductible_basis=_text(table["deductible_basis"]),
        account_scope=tuple(map(_text, table["account_scope"])),
        deductible_fen={level: tuple(map(_number, fens)) for level, fens in table["deductible_fen"].items()},
        pool=_fund(table["pool"], "hifp_pay"),
        catastrophic=_fund(c, _text(c["field"])) if (c := table.get("catastrophic")) else None,
        supplements=tuple(
            Supplement(
                _text(s["group"]),
                _text(s["field"]),
                _text(s["fund_pay_type"]),
                _text(s["name"]),
                _number(s["ratio_bp"]),
            )
            for s in table.get("supplement", ())
        ),
    )


def _fund(table: Mapping[str, Any], field: str) -> Fund:
    tiers = tuple(
        Tier(
            None if tier.get("upto_fen") is None else _number(tier["upto_fen"]),
            {level: _number(bp) for level, bp in tier["ratio_bp"].items()},
        )
        for tier in table["tiers"]
    )
    return Fund(field, _text(table["fund_pay_type"]), _text(table["name"]), tiers)


def _check(policy: Policy) -> None:
    if policy.deductible_basis not in ("visit", "year"):
        raise _refused("deductible_basis")
    if not set(policy.account_scope) <= set(PERSONAL_PARTS) or len(set(policy.account_scope)) < len(
        policy.account_scope
    ):
        raise _refused("account_scope")
    if not policy.levels or not all(fens and min(fens) >= 0 for fens in policy.deductible_fen.values()):
        raise _refused("deductible_fen")
    _check_tiers(policy, policy.pool)
    if policy.catastrophic is not None:
        if policy.catastrophic.field not in CATASTROPHIC_FIELDS:
            raise _refused("catastrophic.field")
        _check_tiers(policy, policy.catastrophic)
    for supplement in policy.supplements:
        if supplement.field not in SUPPLEMENT_FIELDS or not 0 <= supplement.ratio_bp <= ALL_BP:
            raise _refused(f"supplement {supplement.field}")


def _check_tiers(policy: Policy, fund: Fund) -> None:
    ends = [tier.upto_fen for tier in fund.tiers]
    below: int = 0
    for index, end in enumerate(ends):
        if end is None and index == len(ends) - 1:
            break
        if end is None or end <= below:
            raise _refused(f"{fund.field}: the ends of the tiers must rise")
        below = end
    for tier in fund.tiers:
        if set(tier.ratio_bp) != set(policy.levels) or not all(0 <= bp <= ALL_BP for bp in tier.ratio_bp.values()):
            raise _refused(f"{fund.field}: a ratio of 0 to 10000 for each level")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value


def _number(value: object) -> int:
    if type(value) is not int:
        raise TypeError("whole number expected")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false expected")
    return value


def _day(value: object) -> date:
    if type(value) is not date:
        raise TypeError("date expected")
    return value


def _refused(what: str) -> PolicyRefused:
    return PolicyRefused(f"policy table: {what}", step="medical.policy", term="待遇政策表", advice="correct the entry")
