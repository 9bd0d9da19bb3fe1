"""Approvals kept in the database, and the count a step asks for."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from sbcard_core.messages import message
from sbcard_core.officers.acts import Act, Approval, ApprovalRefused, Method, Signer
from sbcard_core.officers.register import Officers
from sbcard_core.store import schema


@dataclass(frozen=True, slots=True)
class Given:
    """One stored approval; ``officer`` is an id, or the name typed in an earlier version."""

    officer: str
    on: date
    method: Method


def record(connection: sa.Connection, approval: Approval) -> None:
    """Store an approval whose proof was checked; one officer's approval of one content is stored once."""
    table, act = schema.approval, approval.act
    mine = sa.and_(_is(act.kind, act.subject, act.digest), table.c.officer == approval.officer)
    there = connection.execute(sa.select(table.c.method).where(mine)).scalar()
    if there == Method.TYPED:
        connection.execute(sa.delete(table).where(mine))
    elif there is not None:
        return
    values = {"kind": act.kind, "subject": act.subject, "digest": act.digest, "officer": approval.officer}
    proof = approval.for_storage().proof.hex()
    values |= {"on_date": act.on.isoformat(), "method": approval.method.value, "proof": proof}
    connection.execute(sa.insert(table).values(values))


def given(connection: sa.Connection, kind: str, subject: str, digest: str) -> list[Given]:
    """The stored approvals of one content, by day and officer; those of method TYPED do not count."""
    approval = schema.approval.c
    query = sa.select(approval.officer, approval.on_date, approval.method).where(_is(kind, subject, digest))
    rows = connection.execute(query.order_by(approval.on_date, approval.officer))
    return [Given(officer, date.fromisoformat(on), Method(method)) for officer, on, method in rows]


def proved(connection: sa.Connection, officers: Officers, kind: str, subject: str, digest: str) -> list[Given]:
    """The stored approvals that count now: of registered officers, whose signatures still verify.

    So a row written into the database by somebody else approves nothing. A session was checked when it was stored.
    """
    approval = schema.approval.c
    query = sa.select(approval.officer, approval.on_date, approval.method, approval.proof)
    counted = []
    for officer, on, method, proof in connection.execute(query.where(_is(kind, subject, digest))).all():
        try:
            there = Given(officer, date.fromisoformat(on), Method(method))
            if there.method is Method.SIGNATURE:
                act = Act(kind, subject, digest, there.on)
                officers.check(Approval(act, officer, there.method, bytes.fromhex(proof)))
            elif there.method is Method.SESSION:
                officers.of(officer)
            else:
                continue
        except (ApprovalRefused, ValueError):  # no day, no method, no hexadecimal: nothing of ours wrote it
            continue
        counted.append(there)
    return counted


def require(
    connection: sa.Connection,
    officers: Officers,
    act: Act,
    signers: Iterable[Signer],
    *,
    needed: int,
    not_by: Collection[str] = (),
) -> None:
    """Ask for, check and store the approvals of an act that is done on ``act.on``.

    Args:
        connection: of the transaction that does the act.
        officers: the registered ones.
        act: what is done.
        signers: its officers, or approvals made elsewhere; each on ``act.on`` or earlier.
        needed: different officers.
        not_by: officers who may not approve it, e.g. who drafted it.

    Raises:
        ApprovalRefused: ``act``, ``order``, ``officer``, ``proof``, or ``count``; nothing was stored.
    """
    checked = {}
    for signer in signers:
        approval = obtain(officers, act, signer, not_by=not_by)
        checked[approval.officer] = approval
    if len(checked) < needed:
        what = message("officers.count", kind=act.kind, subject=act.subject, digest=act.digest, needed=needed)
        raise ApprovalRefused("count", what)
    for approval in checked.values():
        record(connection, approval)


def obtain(officers: Officers, act: Act, signer: Signer, *, not_by: Collection[str] = ()) -> Approval:
    """One officer's approval of an act, checked; it is not stored yet.

    Raises:
        ApprovalRefused: ``officer`` unknown or among ``not_by``, ``act`` another one, ``order``: dated after the act,
            ``proof`` wrong.
    """
    officer = officers.of(signer.officer)
    if officer.id in not_by:
        raise ApprovalRefused("officer", message("officers.own_draft", officer=officer.id))
    approval = signer.approve(act)
    if approval.officer != officer.id or not approval.act.is_same(act):
        raise ApprovalRefused("act", message("officers.other_act", officer=officer.id))
    if approval.act.on > act.on:
        raise ApprovalRefused("order", message("officers.later", officer=officer.id, on=act.on))
    officers.check(approval)
    return approval


def _is(kind: str, subject: str, digest: str) -> sa.ColumnElement[bool]:
    approval = schema.approval.c
    return sa.and_(approval.kind == kind, approval.subject == subject, approval.digest == digest)
