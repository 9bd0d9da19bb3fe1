"""The trace of a split: every fen with the rule that moved it, for a clerk in Chinese and for a program in JSON."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

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
    "acct_pay": "个人账户",
    "psn_cash_pay": "个人现金",
}
"""National field names and the words a clerk knows them by."""


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One movement: ``amount_fen`` was put into ``field``.

    Attributes:
        field: national name of the field it went into; the steps of a field add up to the field.
        basis_fen: the amount the rule looked at.
        ratio_bp: share taken of the basis, in basis points; ``None`` where the rule is no ratio.
        amount_fen: result, rounded half-up.
        source: what it was taken from: item of the bill, tier, or part of the patient's share.
    """

    field: str
    basis_fen: int
    ratio_bp: int | None
    amount_fen: int
    source: str

    def as_json(self) -> dict[str, str | int | None]:
        """For ``json.dumps``."""
        return {
            "field": self.field,
            "basis_fen": self.basis_fen,
            "ratio_bp": self.ratio_bp,
            "amount_fen": self.amount_fen,
            "source": self.source,
        }

    def zh(self) -> str:
        """One sentence for a clerk.

        Example:
            >>> TraceStep("hifp_pay", 27_000, 8500, 22_950, "第1段").zh()
            '统筹基金 229.50元 = 270.00元×85%(第1段)'
        """
        source = FIELD_ZH.get(self.source, self.source)
        head = f"{FIELD_ZH[self.field]} {yuan(self.amount_fen)}元"
        if self.ratio_bp is not None:
            return f"{head} = {yuan(self.basis_fen)}元×{_percent(self.ratio_bp)}({source})"
        return f"{head},取自{yuan(self.basis_fen)}元({source})"


def explain(steps: Iterable[TraceStep]) -> list[str]:
    """The whole trace as sentences, in order."""
    return [step.zh() for step in steps]


def _percent(ratio_bp: int) -> str:
    whole, part = divmod(ratio_bp, 100)
    return f"{whole}.{part:02d}".rstrip("0").rstrip(".") + "%"
