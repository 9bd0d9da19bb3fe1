"""What an audit says about a letter."""

from dataclasses import dataclass

from sbcard_core.values import Severity

SEVERITY_ZH = {Severity.ERROR: "错误", Severity.WARNING: "提示", Severity.NOTE: "附注"}
"""The word shown for each weight."""


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One thing the letter says that its own figures do not bear out.

    ``keys`` are the figures, dates or lists concerned (the first is the one printed wrong),
    ``computation`` is how ``recomputed`` was obtained.
    """

    code: str
    severity: Severity
    keys: tuple[str, ...]
    printed: str
    recomputed: str
    computation: str
    message_zh: str
    message_en: str
