"""The rules of eligibility as data: purpose × life status × state of the card or account, on the day of the act.

Facts behind the default table: bills up to the day of death are settled; a loss report stops the card, neither its
holder nor the account behind it; purchases before the report are cleared; an account opened in bulk takes credits
only until its holder has activated it in person (practice of bureaus and banks). The rest is assumed: a place
replaces what it does otherwise, ``{**DEFAULT_RULES, Purpose.DEBIT: replace(DEFAULT_RULES[Purpose.DEBIT], …)}``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from sbcard_core.eligibility.question import ACCOUNT_PURPOSES, Answer, Decision, Purpose, Reason, Use
from sbcard_core.values import CardState, LifeStatus

ALLOW, REFER, REFUSE = Answer.ALLOW, Answer.REFER, Answer.REFUSE


@dataclass(frozen=True, slots=True)
class Rule:
    """What one purpose asks for. A state or life status that is not listed has the answer REFUSE.

    Attributes:
        states: answers by state of the half asked for: of the account for CREDIT and DEBIT, else of the card.
        life: answers by life status.
        not_issued: answer for a card not handed over by that day.
        changed_that_day: answer where the state allowed the use for a part of the day only, and no longer at its end.
        unknown_person: answer for a person the registry does not have.
        unknown_card: answer for a card or account the registry does not have.
        unlisted: answer where the registry cannot know: it has nobody at all, or the person goes by a number of another
            kind than the citizen numbers it keeps (人员编号 of the national platform) and no card was shown.
    """

    states: Mapping[CardState, Answer]
    life: Mapping[LifeStatus, Answer]
    not_issued: Answer = REFUSE
    changed_that_day: Answer = REFER
    unknown_person: Answer = REFUSE
    unknown_card: Answer = REFUSE
    unlisted: Answer = REFUSE


_NORMAL_ONLY: Mapping[CardState, Answer] = MappingProxyType({CardState.NORMAL: ALLOW})
_NOT_CANCELLED: Mapping[CardState, Answer] = MappingProxyType(
    {state: ALLOW for state in CardState if state is not CardState.CANCELLED}
)
_NORMAL_OR_REFER: Mapping[CardState, Answer] = MappingProxyType(
    {state: ALLOW if state is CardState.NORMAL else REFER for state in CardState}
)


def _life(dead: Answer, imprisoned: Answer, missing: Answer, unknown: Answer) -> Mapping[LifeStatus, Answer]:
    return MappingProxyType(dict(zip(LifeStatus, (ALLOW, dead, imprisoned, missing, unknown), strict=True)))


DEFAULT_RULES: Mapping[Purpose, Rule] = MappingProxyType(
    {
        # The medical centre knows its insured people by numbers of its own: a registry of cards cannot refuse them.
        Purpose.MEDICAL: Rule(_NORMAL_ONLY, _life(REFUSE, REFER, REFER, ALLOW), unlisted=ALLOW),
        Purpose.PREMIUM_BILL: Rule(
            *(_NORMAL_ONLY, _life(REFUSE, ALLOW, ALLOW, ALLOW)), unknown_person=ALLOW, unlisted=ALLOW
        ),
        Purpose.PREMIUM: Rule(_NORMAL_ONLY, _life(REFUSE, ALLOW, ALLOW, ALLOW)),
        # A merchant holds a genuine record of the card: it is suspended for a clerk, never simply refused. Cards of
        # another province are not in the registry.
        Purpose.PURSE: Rule(
            *(_NORMAL_OR_REFER, _life(REFER, ALLOW, ALLOW, ALLOW)),
            not_issued=REFER,
            changed_that_day=ALLOW,
            unknown_card=ALLOW,
            unlisted=ALLOW,
        ),
        Purpose.CREDIT: Rule(_NOT_CANCELLED, _life(REFUSE, REFER, REFER, REFER), not_issued=ALLOW),
        # Nothing is taken from a dead person's account without the bank's reply.
        Purpose.DEBIT: Rule(_NORMAL_ONLY, _life(REFER, ALLOW, ALLOW, ALLOW), not_issued=ALLOW),
    }
)


@dataclass(frozen=True, slots=True)
class Half:
    """One half of one card as it was on a day.

    Attributes:
        states: the states it had on that day, in order; the last is the one at the end of the day.
        issued_on: when the card was handed over.
    """

    states: tuple[CardState, ...]
    issued_on: date | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known for one use, from the registry or from the caller.

    Attributes:
        is_known: somebody has this number; for a card, it is in the registry.
        is_listed: the registry has somebody, and goes by numbers of this kind.
        is_holder: the card belongs to the person named.
        life: AAC060.
        died_on: day of death, where it is known.
        life_since: day on which the life status was reported.
        halves: the half of the card asked for; of an account, the half of every card that carries it; empty: none.
    """

    is_known: bool = True
    is_listed: bool = True
    is_holder: bool = True
    life: LifeStatus = LifeStatus.NORMAL
    died_on: date | None = None
    life_since: date | None = None
    halves: tuple[Half, ...] = ()


ALLOWED = Decision(ALLOW)
_LIFE_REASON: Mapping[LifeStatus, Reason] = {
    LifeStatus.DEAD: Reason.PERSON_DEAD,
    LifeStatus.IMPRISONED: Reason.PERSON_IMPRISONED,
    LifeStatus.MISSING: Reason.PERSON_MISSING,
    LifeStatus.UNKNOWN: Reason.PERSON_UNVERIFIED,
}
_STATE_NAME: Mapping[CardState, str] = {
    CardState.SEALED: "sealed",
    CardState.LOST: "lost",
    CardState.TEMPORARILY_LOST: "lost",
    CardState.LOCKED: "locked",
    CardState.CANCELLED: "cancelled",
}


def decide(rules: Mapping[Purpose, Rule], use: Use, facts: Facts) -> Decision:
    """Decide one use by the rules; of several objections the worst is given, the person's before the card's.

    Example:
        >>> from datetime import date
        >>> bill = Use(Purpose.MEDICAL, date(2014, 8, 20), id_number="430102198001010011")
        >>> decide(DEFAULT_RULES, bill, Facts(life=LifeStatus.DEAD, died_on=date(2014, 8, 20))).answer.name
        'ALLOW'
        >>> decide(DEFAULT_RULES, bill, Facts(life=LifeStatus.DEAD, died_on=date(2014, 8, 19))).reason.value
        'person.dead'
    """
    rule = rules[use.purpose]
    if not facts.is_listed:
        who = "person" if use.id_number else _kind(use)
        return ALLOWED if rule.unlisted is ALLOW else Decision(rule.unlisted, Reason(f"{who}.unknown"))
    person = _person(rule, use, facts)
    if not (use.card_no or use.account_no):
        return person
    card = _card(rule, use, facts)
    return card if card.answer > person.answer else person


def _person(rule: Rule, use: Use, facts: Facts) -> Decision:
    if not facts.is_known:  # a card that is not here has no holder here: the card's own rule decides
        return Decision(rule.unknown_person, Reason.PERSON_UNKNOWN) if use.id_number else ALLOWED
    if facts.life is LifeStatus.NORMAL or (facts.died_on is not None and use.on <= facts.died_on):
        return ALLOWED
    answer = rule.life.get(facts.life, REFUSE)
    if facts.died_on is None and facts.life_since is not None and use.on < facts.life_since:
        if facts.life is not LifeStatus.DEAD or answer is ALLOW:
            return ALLOWED
        return Decision(REFER, Reason.PERSON_DEATH_UNDATED)
    return ALLOWED if answer is ALLOW else Decision(answer, _LIFE_REASON[facts.life])


def _card(rule: Rule, use: Use, facts: Facts) -> Decision:
    kind = _kind(use)
    if not facts.halves:
        return Decision(rule.unknown_card, Reason(f"{kind}.unknown"))
    if not facts.is_holder:
        return Decision(REFUSE, Reason.HOLDER_DIFFERS)
    return min((_half(rule, use, kind, half) for half in facts.halves), key=lambda decision: decision.answer)


def _kind(use: Use) -> str:
    return "account" if use.purpose in ACCOUNT_PURPOSES else "card"


def _half(rule: Rule, use: Use, kind: str, half: Half) -> Decision:
    if rule.not_issued is not ALLOW and (half.issued_on is None or use.on < half.issued_on):
        return Decision(rule.not_issued, Reason.CARD_NOT_ISSUED)
    last = half.states[-1]
    answer = rule.states.get(last, REFUSE)
    if any(rule.states.get(state) is ALLOW for state in half.states[:-1]):
        answer = min(answer, rule.changed_that_day)
    if answer is ALLOW:
        return ALLOWED
    return Decision(answer, Reason(f"{kind}.{_STATE_NAME[last]}") if last in _STATE_NAME else Reason.RULE)
