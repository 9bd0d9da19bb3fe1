"""Group commit: the single posts of many threads share one durable transaction.

The first thread that finds nobody committing commits for all that wait; those who come meanwhile wait and
go together next. Nobody waits for company: one thread alone commits at once.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sbcard_core.ledger.transfers import (
    Outcome,
    Transfer,
    TransferRefused,
    TransferStatus,
    malformed_fields,
    must_be_transfers,
)
from sbcard_core.store import StoreFailed

GROUP_TRANSFERS: Final = 1000
"""Most transfers of one commit; ``python -m benchmarks.tune`` measures what suits a machine."""


@dataclass(slots=True, eq=False)
class _Ticket:
    transfers: Sequence[Transfer]
    woken: threading.Event = field(default_factory=threading.Event)
    outcomes: list[Outcome] | None = None
    error: Exception | None = None


class GroupCommitter:
    """Made by ``Ledger.batching``; use one from as many threads as there are.

    Each submission is judged as if it were posted alone: its linked groups end with it. When a call
    returns, what it posted is on the disk.

    Args:
        post_groups: posts several submissions in one durable transaction.
        max_transfers: most transfers of one commit.
    """

    def __init__(
        self,
        post_groups: Callable[[Sequence[Sequence[Transfer]]], list[list[Outcome]]],
        *,
        max_transfers: int = GROUP_TRANSFERS,
    ) -> None:
        self._post_groups = post_groups
        self._max_transfers = max_transfers
        self._lock = threading.Lock()
        self._queue: deque[_Ticket] = deque()
        self._leader: _Ticket | None = None
        self.commits = 0
        """How many transactions there were."""

    def submit_many(self, transfers: Sequence[Transfer]) -> list[Outcome]:
        """Post a batch; as ``Ledger.submit_many``.

        Raises:
            InvalidValue: something is no transfer; nobody else's posts are touched by it.
            StoreFailed: the shared transaction failed; nothing of it was acknowledged to anybody.
        """
        ticket = _Ticket(list(must_be_transfers(transfers, "ledger.batching")))
        try:
            with self._lock:
                self._queue.append(ticket)
                if self._leader is None:
                    self._lead_on(ticket)
            ticket.woken.wait()
            if self._leader is ticket:
                self._lead()
        finally:  # also after an interrupt: nobody may wait for one who is gone
            self._leave(ticket)
        if ticket.outcomes is not None:
            return ticket.outcomes
        assert ticket.error is not None
        raise ticket.error

    def _lead_on(self, ticket: _Ticket | None) -> None:
        """The one who commits next for all that wait; the first of the queue."""
        self._leader = ticket
        if ticket is not None:
            ticket.woken.set()

    def _leave(self, ticket: _Ticket) -> None:
        with self._lock:
            if ticket.outcomes is None and ticket.error is None and ticket in self._queue:
                self._queue.remove(ticket)
            if self._leader is ticket:
                self._lead_on(self._queue[0] if self._queue else None)

    def _lead(self) -> None:
        group: list[_Ticket] = []
        try:
            with self._lock:
                count = 0
                while self._queue and (not group or count + len(self._queue[0].transfers) <= self._max_transfers):
                    group.append(self._queue.popleft())
                    count += len(group[-1].transfers)
            found = self._post_groups([ticket.transfers for ticket in group])
            for ticket, outcomes in zip(group, found, strict=True):
                ticket.outcomes = outcomes
        except Exception as error:  # raised again in every thread
            for ticket in group:
                ticket.error = error
        except BaseException:  # an interrupt is this thread's own
            for ticket in group:
                ticket.error = StoreFailed(
                    "the thread that committed for several was interrupted",
                    step="ledger.batching",
                    term="合并提交",
                    advice="do the same again: what was posted is recognised",
                )
            raise
        finally:
            self.commits += 1
            for ticket in group:
                ticket.woken.set()

    def post_many(self, transfers: Sequence[Transfer]) -> list[TransferStatus]:
        """Post a batch; as ``Ledger.post_many``."""
        return [outcome.status for outcome in self.submit_many(transfers)]

    def post(self, transfer: Transfer) -> TransferStatus:
        """Post one transfer; as ``Ledger.post``.

        Raises:
            TransferRefused: it was neither posted now nor before.
        """
        (status,) = self.post_many([transfer])
        if not status.is_settled:
            raise TransferRefused(status, transfer.transfer_id, malformed_fields(transfer))
        return status
