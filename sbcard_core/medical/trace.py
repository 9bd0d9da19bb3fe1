"""The trace of a split: every fen with the rule that moved it, for a clerk in Chinese and for a program in JSON."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sbcard_core.values import yuan

FIELD_ZH: Final = {
    "fulamt_ownpay_amt": "全自费",
    "overlmt_selfpay": "超限价自费",
    "preselfpay_amt": "先行自付",
    "inscp_scp_amt": "政策范围内",
    "act_pay_dedc": "起付线",
    "hifp_pay": "统筹基金",
    "hifob_pay": "职工大额",
    "hifmi_pay": "居民大病",
    "cvlserv_pay": "公务员补助",
    "hifes_pay": "企业补充",
    "maf_pay": "医疗救助",
    "oth_pay": "其他基金",
    "hosp_part_amt": "医院负担",
    "acct_pay": "个人账户",
    "acct_mulaid_pay": "家庭账户共济",
    "psn_cash_pay": "个人现金",
}
"""National field names and the words a clerk knows them by."""


class Rule(StrEnum):
    """Which rule moved an amount; ``args`` of the step say of what."""

    LINE = "line"
    """A line of the bill: number, grade in words, item."""
    DEDUCTIBLE = "deductible"
    """The deductible: full amount, what was paid of it before."""
    TIER = "tier"
    """A tier of the year's amount: its number, from 1."""
    SUPPLEMENT = "supplement"
    """A supplement: its name."""
    PART = "part"
    """What was left of a part of the bill: its field."""


class TraceStep(NamedTuple):
    """One movement: ``amount_fen`` was put into ``field``.

    Attributes:
        field: national name of the field it went into; the steps of a field add up to the field.
        basis_fen: the amount the rule looked at.
        ratio_bp: share taken of the basis, in basis points; ``None`` where the rule is no ratio.
        amount_fen: result, rounded half-up.
        rule: which rule.
        args: what the rule was applied to.
    """

    field: str
    basis_fen: int
    ratio_bp: int | None
    amount_fen: int
    rule: str
    args: tuple[Any, ...]

    @property
    def source(self) -> str:
        """What it was taken from, in Chinese: line of the bill, tier, or part of the patient's share."""
        match self.rule:
            case Rule.LINE:
                number, grade, item = self.args
                return f"第{number}行{grade}{item}"
            case Rule.DEDUCTIBLE:
                full, paid = self.args
                return f"标准{yuan(full)}元,已付{yuan(paid)}元"
            case Rule.TIER:
                return f"年度累计第{self.args[0]}段"
            case Rule.PART:
                return FIELD_ZH[self.args[0]]
        return str(self.args[0])

    def as_json(self) -> dict[str, Any]:
        """For ``json.dumps``."""
        return {**self._asdict(), "args": list(self.args), "source": self.source}

    def zh(self) -> str:
        """One sentence for a clerk.

        Example:
            >>> TraceStep("hifp_pay", 27_000, 8500, 22_950, Rule.TIER, (1,)).zh()
            '统筹基金 229.50元 = 270.00元×85%(年度累计第1段)'
        """
        head = f"{FIELD_ZH[self.field]} {yuan(self.amount_fen)}元"
        if self.ratio_bp is not None:
            return f"{head} = {yuan(self.basis_fen)}元×{percent(self.ratio_bp)}({self.source})"
        return f"{head},取自{yuan(self.basis_fen)}元({self.source})"


def explain(steps: Iterable[TraceStep]) -> list[str]:
    """The whole trace as sentences, in order."""
    return [step.zh() for step in steps]


def percent(ratio_bp: int) -> str:
    """Basis points as a clerk writes them.

    Example:
        >>> percent(8500), percent(825)
        ('85%', '8.25%')
    """
    whole, part = divmod(ratio_bp, 100)
    return f"{whole}.{part:02d}".rstrip("0").rstrip(".") + "%"
