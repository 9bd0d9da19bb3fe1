"""The life of a card: operations, legal transitions, and what local rules leave open.

The social-security application (社保功能) and the bank account (金融功能) are two independent halves: each is
activated, reported lost and locked at its own counter. Operation codes 01–04 and 11 are those of public vendor
code; the others are our own. The transition table is a synthesis of local rules, not a standard.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType

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
    """What became of one operation on one card; only OK changed something."""

    OK = 0
    ALREADY = 1
    """已处于该状态: the wish is fulfilled already; treat as success (vendor reply 01)."""
    UNKNOWN_CARD = 10
    NOT_MADE = 11
    """Not back from the factory."""
    NOT_ISSUED = 12
    """Not handed to its holder."""
    ILLEGAL = 13
    """The state of the card does not allow the operation."""

    @property
    def is_success(self) -> bool:
        """The card is in the wished state."""
        return self <= TransitionStatus.ALREADY

    @property
    def zh(self) -> str:
        """What a clerk reads."""
        return _ZH[self]


_ZH = {
    TransitionStatus.OK: "办理成功",
    TransitionStatus.ALREADY: "已处于该状态",
    TransitionStatus.UNKNOWN_CARD: "查无此卡",
    TransitionStatus.NOT_MADE: "卡尚未制成",
    TransitionStatus.NOT_ISSUED: "卡尚未发放",
    TransitionStatus.ILLEGAL: "当前状态不允许该操作",
}


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
        temporary_loss_days: how long 临时挂失 lasts (5, 10 and 15 are seen).
        temporary_loss_end: what follows.
    """

    release_formal_loss: bool = False
    temporary_loss_days: int = 10
    temporary_loss_end: LossEnd = LossEnd.RESTORE


_S = CardState
TRANSITIONS: Mapping[tuple[Operation, CardState], CardState] = MappingProxyType(
    {
        (Operation.ACTIVATE, _S.SEALED): _S.NORMAL,
        (Operation.TEMPORARY_LOSS, _S.NORMAL): _S.TEMPORARILY_LOST,
        (Operation.FORMAL_LOSS, _S.SEALED): _S.LOST,  # lost before use
        (Operation.FORMAL_LOSS, _S.NORMAL): _S.LOST,
        (Operation.FORMAL_LOSS, _S.TEMPORARILY_LOST): _S.LOST,
        (Operation.FORMAL_LOSS, _S.LOCKED): _S.LOST,
        (Operation.RELEASE, _S.TEMPORARILY_LOST): _S.NORMAL,
        (Operation.RELEASE, _S.LOST): _S.NORMAL,  # only where the policy allows it
        (Operation.LOSS_ENDED, _S.TEMPORARILY_LOST): _S.NORMAL,  # or CANCELLED, by policy
        (Operation.LOCK, _S.NORMAL): _S.LOCKED,
        (Operation.UNLOCK, _S.LOCKED): _S.NORMAL,
        (Operation.CANCEL, _S.SEALED): _S.CANCELLED,
        (Operation.CANCEL, _S.NORMAL): _S.CANCELLED,
        (Operation.CANCEL, _S.LOST): _S.CANCELLED,
        (Operation.CANCEL, _S.LOCKED): _S.CANCELLED,
        (Operation.CANCEL, _S.TEMPORARILY_LOST): _S.CANCELLED,
    }
)
"""(operation, state) -> new state; what is not here is illegal. CANCELLED is final."""

GOAL: Mapping[Operation, frozenset[CardState]] = MappingProxyType(
    {
        Operation.ACTIVATE: frozenset({_S.NORMAL}),
        Operation.TEMPORARY_LOSS: frozenset({_S.TEMPORARILY_LOST, _S.LOST}),
        Operation.FORMAL_LOSS: frozenset({_S.LOST}),
        Operation.RELEASE: frozenset({_S.NORMAL}),
        Operation.LOSS_ENDED: frozenset({_S.NORMAL}),
        Operation.LOCK: frozenset({_S.LOCKED}),
        Operation.UNLOCK: frozenset({_S.NORMAL}),
        Operation.CANCEL: frozenset({_S.CANCELLED}),
    }
)
"""States in which an operation finds its wish fulfilled already."""


def transition(operation: Operation, state: CardState, policy: LifecyclePolicy) -> tuple[TransitionStatus, CardState]:
    """What ``operation`` does to one half in ``state``, and the state after it.

    Example:
        >>> transition(Operation.RELEASE, CardState.LOST, LifecyclePolicy())
        (<TransitionStatus.ILLEGAL: 13>, <CardState.LOST: 2>)
        >>> transition(Operation.RELEASE, CardState.TEMPORARILY_LOST, LifecyclePolicy())
        (<TransitionStatus.OK: 0>, <CardState.NORMAL: 1>)
    """
    if state in GOAL.get(operation, ()):
        return TransitionStatus.ALREADY, state
    new = TRANSITIONS.get((operation, state))
    if new is None or (operation is Operation.RELEASE and state is _S.LOST and not policy.release_formal_loss):
        return TransitionStatus.ILLEGAL, state
    if operation is Operation.LOSS_ENDED and policy.temporary_loss_end is LossEnd.CANCEL:
        return TransitionStatus.OK, _S.CANCELLED
    return TransitionStatus.OK, new
