"""Eligibility (使用资格): may this card, account or person be used for this purpose on the day of the act.

One question for medical bills, premiums, payouts and clearing, in bulk first. Rules are data (:mod:`.rules`); facts
come from the registry, or from a function that the caller hands in.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import sqlalchemy as sa

from sbcard_core.eligibility.question import Answer, Decision, Purpose, Reason, Use
from sbcard_core.eligibility.registered import registered
from sbcard_core.eligibility.rules import DEFAULT_RULES, Facts, Half, Rule, decide

__all__ = [
    "DEFAULT_RULES",
    "Answer",
    "Decision",
    "Eligibility",
    "Facts",
    "Half",
    "Purpose",
    "Reason",
    "Rule",
    "Source",
    "Use",
    "decide",
    "registered",
]

Source = Callable[[sa.Connection, Sequence[Use]], Sequence[Facts]]
"""Where facts come from: one per use, in order, read in the asking engine's own transaction."""


class Eligibility:
    """Answers whether cards, accounts and people may be used.

    Args:
        rules: one rule per purpose.
        source: where the facts come from; default the registry.

    Example:
        >>> from sbcard_core.store import Store
        >>> with Store.open("sqlite://") as store, store.begin() as connection:
        ...     Eligibility().may(connection, Purpose.PREMIUM, on=date(2014, 8, 20), card_no="A00000014")
        Decision(answer=<Answer.REFUSE: 2>, reason=<Reason.CARD_UNKNOWN: 'card.unknown'>)
        >>> gone = Eligibility(source=lambda connection, uses: [Facts(is_known=False) for use in uses])
        >>> with Store.open("sqlite://") as store, store.begin() as connection:
        ...     gone.may(connection, Purpose.CREDIT, on=date(2014, 8, 20), id_number="430102198001010011").is_allowed
        False
    """

    def __init__(self, rules: Mapping[Purpose, Rule] = DEFAULT_RULES, *, source: Source = registered) -> None:
        self.rules = rules
        self.source = source

    def may_many(self, connection: sa.Connection, uses: Sequence[Use]) -> list[Decision]:
        """One decision per use, in order."""
        facts = self.source(connection, uses) if uses else ()  # a source of the place's own may be a call far away
        return [decide(self.rules, use, known) for use, known in zip(uses, facts, strict=True)]

    def may(
        self,
        connection: sa.Connection,
        purpose: Purpose,
        *,
        on: date,
        id_number: str = "",
        card_no: str = "",
        account_no: str = "",
    ) -> Decision:
        """:meth:`may_many` for one use; arguments as of :class:`Use`.

        Raises:
            InvalidValue: nothing is named, or an account without its person or for another purpose.
        """
        return self.may_many(connection, [Use(purpose, on, id_number, card_no, account_no)])[0]
