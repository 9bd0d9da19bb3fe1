"""The life of a card: operations, legal transitions, and what local rules leave open.

The social-security application (社保功能) and the bank account (金融功能) are two independent halves: each is
activated, reported lost and locked at its own counter. Operation codes 01–04 and 11 are those of public vendor
code; the others are our own. The transition table is a synthesis of local rules, not a standard.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType

from sbcard_core.errors import InvalidValue
from sbcard_core.messages import Message, message
from sbcard_core.values import CardState


class Operation(StrEnum):
    """卡业务操作. Codes with a letter are own codes: none is public."""

    TEMPORARY_LOSS = "01"
    """临时挂失, by telephone."""
    FORMAL_LOSS = "02"
    """正式挂失, written."""
    RELEASE = "03"
    """解除挂失."""
    CANCEL = "04"
    """注销."""
    ACTIVATE = "11"
    """领卡启用 (application half), 激活 (account half)."""
    ISSUE = "A1"
    """发卡: handed to the holder; changes no state of the halves."""
    LOCK = "A2"
    """应用锁定."""
    UNLOCK = "A3"
    """解锁."""
    REPLACE = "A4"
    """补卡申请: asks for a new card; the old one stays lost until the new one is issued."""
    LOSS_ENDED = "A5"
    """临时挂失到期."""


class Half(StrEnum):
    """The two halves of a card."""

    APP = "app"
    """社保功能."""
    ACCOUNT = "account"
    """金融功能."""


class TransitionStatus(IntEnum):
    """Result of one operation on one card; only OK changed something."""

    OK = 0
    ALREADY = 1
    """已处于该状态: the operation is satisfied already; treat as success (vendor reply 01)."""
    UNKNOWN_CARD = 10
    NOT_MADE = 11
    """Not back from the factory."""
    NOT_ISSUED = 12
    """Not handed to its holder."""
    ILLEGAL = 13
    """The state of the card does not allow the operation."""
    OUT_OF_ORDER = 14
    """Dated before an earlier act on the card: before it was made or handed over, or before the half's last act."""
    HOLDER_DEAD = 15
    """持卡人死亡: the holder died before that day, and only the holder may ask for it."""

    @property
    def is_success(self) -> bool:
        """The card is in the state the operation leads to."""
        return self <= TransitionStatus.ALREADY

    @property
    def message(self) -> Message:
        """The status as a clerk reads it."""
        return message(f"registry.transition.{self.name.lower()}")


MOST_DAYS = 366
"""Longest temporary loss a policy may have."""


class LossEnd(StrEnum):
    """What happens when a temporary loss runs out: both rules exist locally."""

    RESTORE = "restore"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class LifecyclePolicy:
    """Local rules, all assumed: cities differ, so they are data.

    Attributes:
        release_formal_loss: whether 解除挂失 works after 正式挂失 (the card-management API allows it, several
            cities do not and make a new card).
        temporary_loss_days: how long 临时挂失 lasts (5, 7, 10 and 15 are seen); None: it does not end by itself.
        temporary_loss_end: what follows.
        replaceable: states of the application half in which a new card may be requested; places that exchange
            damaged cards without a loss report add NORMAL and LOCKED. A first card that was cancelled before it was
            handed over may always be replaced, one on its way that replaces another never: its holder asks with the
            other. A new card has the account of the one it replaces; whether the bank keeps that open is the bank's.

    Raises:
        InvalidValue: a temporary loss of no days, or of more than :data:`MOST_DAYS`.
    """

    release_formal_loss: bool = False
    temporary_loss_days: int | None = 10
    temporary_loss_end: LossEnd = LossEnd.RESTORE
    replaceable: frozenset[CardState] = frozenset({CardState.LOST, CardState.CANCELLED})

    def __post_init__(self) -> None:
        if self.temporary_loss_days is not None and not 0 < self.temporary_loss_days <= MOST_DAYS:
            what = message("registry.policy_days", most=MOST_DAYS)
            raise InvalidValue(what, step="registry.lifecycle", term="临时挂失")


_S = CardState
LOST_STATES = frozenset({_S.TEMPORARILY_LOST, _S.LOST})
"""States of a half that is reported lost."""
TRANSITIONS: Mapping[tuple[Operation, CardState], CardState | None] = MappingProxyType(
    {
        (Operation.ACTIVATE, _S.SEALED): _S.NORMAL,
        (Operation.TEMPORARY_LOSS, _S.SEALED): _S.TEMPORARILY_LOST,
        (Operation.TEMPORARY_LOSS, _S.NORMAL): _S.TEMPORARILY_LOST,
        (Operation.TEMPORARY_LOSS, _S.LOCKED): _S.TEMPORARILY_LOST,
        (Operation.FORMAL_LOSS, _S.SEALED): _S.LOST,  # lost before use, or on its way to the outlet
        (Operation.FORMAL_LOSS, _S.NORMAL): _S.LOST,
        (Operation.FORMAL_LOSS, _S.TEMPORARILY_LOST): _S.LOST,
        (Operation.FORMAL_LOSS, _S.LOCKED): _S.LOST,
        (Operation.RELEASE, _S.TEMPORARILY_LOST): None,
        (Operation.RELEASE, _S.LOST): None,  # only where the policy allows it
        (Operation.LOSS_ENDED, _S.TEMPORARILY_LOST): None,  # or CANCELLED, by policy
        (Operation.LOCK, _S.NORMAL): _S.LOCKED,
        (Operation.UNLOCK, _S.LOCKED): _S.NORMAL,
        (Operation.CANCEL, _S.SEALED): _S.CANCELLED,
        (Operation.CANCEL, _S.NORMAL): _S.CANCELLED,
        (Operation.CANCEL, _S.LOST): _S.CANCELLED,
        (Operation.CANCEL, _S.LOCKED): _S.CANCELLED,
        (Operation.CANCEL, _S.TEMPORARILY_LOST): _S.CANCELLED,
    }
)
"""(operation, state) -> new state; None is the state before the loss report: its release neither activates nor unlocks.

What is not here is illegal. CANCELLED is final. Source: a synthesis of local rules (assumed).
"""

SATISFIED: Mapping[Operation, frozenset[CardState]] = MappingProxyType(
    {
        Operation.ACTIVATE: frozenset({_S.NORMAL}),
        Operation.TEMPORARY_LOSS: frozenset({_S.TEMPORARILY_LOST, _S.LOST}),
        Operation.FORMAL_LOSS: frozenset({_S.LOST}),
        Operation.RELEASE: frozenset({_S.SEALED, _S.NORMAL, _S.LOCKED}),
        Operation.LOSS_ENDED: frozenset({_S.SEALED, _S.NORMAL, _S.LOCKED}),
        Operation.LOCK: frozenset({_S.LOCKED}),
        Operation.UNLOCK: frozenset({_S.NORMAL}),
        Operation.CANCEL: frozenset({_S.CANCELLED}),
    }
)
"""States in which an operation is already satisfied (idempotent success)."""


def transition(
    operation: Operation, state: CardState, policy: LifecyclePolicy, *, before_loss: CardState = CardState.SEALED
) -> tuple[TransitionStatus, CardState]:
    """The result of ``operation`` on one half in ``state``, and the state after it.

    Args:
        operation: what is asked.
        state: of the half.
        policy: local rules.
        before_loss: state before the half was reported lost; where nobody knows it, the holder activates again.

    Example:
        >>> transition(Operation.RELEASE, CardState.LOST, LifecyclePolicy())
        (<TransitionStatus.ILLEGAL: 13>, <CardState.LOST: 2>)
        >>> transition(Operation.RELEASE, CardState.TEMPORARILY_LOST, LifecyclePolicy(), before_loss=CardState.LOCKED)
        (<TransitionStatus.OK: 0>, <CardState.LOCKED: 3>)
    """
    if state in SATISFIED.get(operation, ()):
        return TransitionStatus.ALREADY, state
    if (operation, state) not in TRANSITIONS or (
        operation is Operation.RELEASE and state is _S.LOST and not policy.release_formal_loss
    ):
        return TransitionStatus.ILLEGAL, state
    if operation is Operation.LOSS_ENDED and policy.temporary_loss_end is LossEnd.CANCEL:
        return TransitionStatus.OK, _S.CANCELLED
    after = TRANSITIONS[operation, state]
    return TransitionStatus.OK, before_loss if after is None else after
