"""The act that is approved, and an approval of it: values only."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Protocol, Self

from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.messages import Message, message

_STEP = "officers"
_KIND = re.compile(r"[a-z][a-z0-9.-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_OFFICER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FORM = "sbcard-approval-1"


class ApprovalRefused(Refused):
    """An approval is refused and nothing changed.

    ``code``: ``officer`` unknown or not allowed, ``proof`` wrong, ``act`` another one, ``order`` of days, ``count`` too
    few.
    """

    def __init__(self, code: str, what: Message) -> None:
        super().__init__(what, step=_STEP, term="审批")
        self.code = code


@dataclass(frozen=True, slots=True)
class Act:
    """What is approved.

    Attributes:
        kind: of act, e.g. ``"payout.roll"``.
        subject: what it is done to, e.g. the number of a roll.
        digest: SHA-256 of the content, in hex.
        on: the day of the approval.

    Raises:
        InvalidValue: a part that has not this form.

    Example:
        >>> Act("payout.roll", "pension-2014-07-R001", "0" * 64, date(2014, 8, 1)).message("li").splitlines()[0]
        b'sbcard-approval-1'
    """

    kind: str
    subject: str
    digest: str
    on: date

    def __post_init__(self) -> None:
        good = _KIND.fullmatch(self.kind) and _DIGEST.fullmatch(self.digest)
        named = 0 < len(self.subject) <= 200 and self.subject.isprintable()
        if not (good and named) or not isinstance(self.on, date) or isinstance(self.on, datetime):
            raise InvalidValue(message("officers.act"), step=_STEP, term="审批事项")

    @classmethod
    def of(cls, kind: str, subject: str, content: Iterable[object], on: date) -> Self:
        """The act of a content, of which free text comes last or is the subject: its parts are joined by ``|``."""
        return cls(kind, subject, sha256("|".join(map(str, content)).encode()).hexdigest(), on)

    def message(self, officer: str) -> bytes:
        """The bytes an officer signs."""
        parts = (_FORM, self.kind, self.subject, self.digest, self.on.isoformat(), officer)
        return "\n".join(parts).encode()

    def is_same(self, other: "Act") -> bool:
        """Whether another act is the same one, whatever its day."""
        return (self.kind, self.subject, self.digest) == (other.kind, other.subject, other.digest)


class Method(StrEnum):
    """How an approval is proved. Own codes."""

    SIGNATURE = "signature"
    """By the officer's own key."""
    SESSION = "session"
    """By an authenticated session of the calling system."""
    TYPED = "typed"
    """Only a name, of an earlier version: counts no more."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One officer's approval of one act, with its proof."""

    act: Act
    officer: str
    method: Method
    proof: bytes = field(repr=False)

    def to_json(self) -> str:
        """The approval as one JSON object, to be handed over as a file."""
        act = {"kind": self.act.kind, "subject": self.act.subject, "digest": self.act.digest}
        made = {"form": _FORM, **act, "on": self.act.on.isoformat(), "officer": self.officer}
        return json.dumps({**made, "method": self.method, "proof": self.proof.hex()}, ensure_ascii=False)

    def approve(self, _act: Act, /) -> "Approval":
        """Itself: an approval made elsewhere stands for its officer; whoever asks checks that it is of ``act``."""
        return self

    def for_storage(self) -> "Approval":
        """The approval with no more than the digest of a session's name, which is no secret of ours to keep."""
        return self if self.method is Method.SIGNATURE else replace(self, proof=sha256(self.proof).digest())

    @classmethod
    def from_json(cls, text: str) -> "Approval":
        """Read what :meth:`to_json` wrote.

        Raises:
            InvalidValue: it is no approval.
        """
        try:
            there: dict[str, Any] = json.loads(text)
            if there["form"] != _FORM:
                raise ValueError
            act = Act(there["kind"], there["subject"], there["digest"], date.fromisoformat(there["on"]))
            return cls(act, officer_id(there["officer"]), Method(there["method"]), bytes.fromhex(there["proof"]))
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidValue(message("officers.approval_file"), step=_STEP, term="审批文件") from error


class Signer(Protocol):
    """What approves acts for one officer: a key file, a token, or a session of the calling system."""

    @property
    def officer(self) -> str:
        """The officer's registered id."""
        ...

    def approve(self, act: Act, /) -> Approval:
        """The officer's approval of an act."""
        ...


def officer_id(text: str) -> str:
    """The id of an officer: letters, digits, ``.``, ``_`` and ``-``, so that it has one spelling only.

    Raises:
        InvalidValue: another form.

    Example:
        >>> officer_id("430100-017")
        '430100-017'
    """
    if not isinstance(text, str) or _OFFICER.fullmatch(text) is None:
        raise InvalidValue(message("officers.id"), step=_STEP, term="经办人编号")
    return text
