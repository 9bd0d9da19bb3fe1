"""The officers of a place, and the check of an approval's proof."""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sbcard_core.errors import InvalidValue
from sbcard_core.files import read_text
from sbcard_core.messages import message
from sbcard_core.officers.acts import Act, Approval, ApprovalRefused, Method, officer_id
from sbcard_core.officers.keys import public_form, verifies
from sbcard_core.values import mask_ids_in

_STEP = "officers.register"


@dataclass(frozen=True, slots=True)
class Officer:
    """One registered officer (经办人员).

    Attributes:
        id: the place's own, e.g. a staff number; by it officers are told apart.
        name: as shown beside the id.
        public_key: PEM (Ed25519, or ECDSA on a NIST curve); empty: approves through sessions only.
    """

    id: str
    name: str = field(repr=False)
    public_key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        officer_id(self.id)
        if not self.name.strip() or not self.name.isprintable():
            raise InvalidValue(message("officers.name", officer=self.id), step=_STEP, term="经办人姓名")
        if self.public_key:
            public_form(self.public_key)


class Sessions(Protocol):
    """Port to the calling system's authenticated sessions."""

    def confirms(self, officer: str, act: Act, proof: bytes, /) -> bool:
        """Whether ``officer`` confirmed this very act in an authenticated session; ``proof`` names the session."""
        ...


@dataclass(frozen=True, slots=True)
class InSession:
    """An officer who approves through an authenticated session; ``proof`` names it to :class:`Sessions`."""

    officer: str
    proof: bytes = field(repr=False)

    def approve(self, act: Act) -> Approval:
        """The approval, as good as the session is."""
        return Approval(act, self.officer, Method.SESSION, self.proof)


class Officers:
    """The registered officers.

    Args:
        registered: who there is.
        sessions: the calling system's sessions; without them only signatures count.

    Raises:
        InvalidValue: one id, or one key, for two officers.
    """

    def __init__(self, registered: Iterable[Officer] = (), *, sessions: Sessions | None = None) -> None:
        self._sessions = sessions
        self._by_id: dict[str, Officer] = {}
        seen: set[object] = set()
        for officer in registered:
            marks: set[object] = {officer.id.casefold()}
            if officer.public_key:
                marks.add(public_form(officer.public_key))
            if marks & seen:
                raise InvalidValue(message("officers.twice", officer=officer.id), step=_STEP, term="经办人编号")
            seen |= marks
            self._by_id[officer.id] = officer

    def __iter__(self) -> Iterator[Officer]:
        return iter(self._by_id.values())

    def knows(self, officer: str) -> bool:
        """Whether somebody is registered under an id."""
        return officer in self._by_id

    def of(self, officer: str) -> Officer:
        """A registered officer by id.

        Raises:
            ApprovalRefused: ``officer``: nobody has this id.
        """
        found = self._by_id.get(officer)
        if found is None:
            raise ApprovalRefused("officer", message("officers.unknown", officer=mask_ids_in(officer[:64])))
        return found

    def check(self, approval: Approval) -> Officer:
        """Check the proof of an approval and return its officer.

        Raises:
            ApprovalRefused: ``officer`` unknown; ``proof``: the signature is not by the officer's key over this act, or
                no session confirms it.
        """
        officer = self.of(approval.officer)
        if approval.method is Method.SIGNATURE:
            text = approval.act.message(officer.id)
            good = bool(officer.public_key) and verifies(officer.public_key, approval.proof, text)
        elif approval.method is Method.SESSION and self._sessions is not None:
            good = self._sessions.confirms(officer.id, approval.act, approval.proof) is True
        else:
            good = False
        if not good:
            raise ApprovalRefused("proof", message("officers.proof", officer=officer.id))
        return officer


def load(path: Path, *, sessions: Sessions | None = None) -> Officers:
    """Read the officers of a place: TOML with one ``[[officer]]`` table each (``id``, ``name``, ``public_key``).

    Raises:
        InvalidValue: no such file, no TOML, or another key than these.
    """
    try:
        rows = tomllib.loads(read_text(path))["officer"]
        found = [Officer(**row) for row in rows]
    except InvalidValue:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidValue(message("officers.file", file=path.name), step=_STEP, term="经办人名单") from error
    return Officers(found, sessions=sessions)
