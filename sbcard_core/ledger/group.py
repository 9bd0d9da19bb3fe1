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

GROUP_TRANSFERS: Final = 1000
"""Most transfers of one commit; ``python -m benchmarks.tune`` measures what suits a machine."""


@dataclass(slots=True, eq=False)
class _Ticket:
    transfers: Sequence[Transfer]
    woken: threading.Event = field(default_factory=threading.Event)
    outcomes: list[Outcome] | None = None
    error: BaseException | None = None


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
        self._leading = False
        self.commits = 0
        """How many transactions there were."""

    def submit_many(self, transfers: Sequence[Transfer]) -> list[Outcome]:
        """Post a batch; as ``Ledger.submit_many``.

        Raises:
            InvalidValue: something is no transfer; nobody else's posts are touched by it.
            StoreFailed: the shared transaction failed; nothing of it was acknowledged to anybody.
        """
        ticket = _Ticket(list(must_be_transfers(transfers, "ledger.batching")))
        with self._lock:
            self._queue.append(ticket)
            leads, self._leading = not self._leading, True
        if not leads:
            ticket.woken.wait()
        if ticket.outcomes is None and ticket.error is None:  # first in the queue: commits for all that wait
            self._lead()
        if ticket.error is not None:
            raise ticket.error
        assert ticket.outcomes is not None
        return ticket.outcomes

    def _lead(self) -> None:
        with self._lock:
            group = [self._queue.popleft()]
            count = len(group[0].transfers)
            while self._queue and count + len(self._queue[0].transfers) <= self._max_transfers:
                count += len(self._queue[0].transfers)
                group.append(self._queue.popleft())
        try:
            found = self._post_groups([ticket.transfers for ticket in group])
            for ticket, outcomes in zip(group, found, strict=True):
                ticket.outcomes = outcomes
        except BaseException as error:  # also an interrupt: nobody may wait for ever
            for ticket in group:
                ticket.error = error
        self.commits += 1
        with self._lock:
            self._leading = bool(self._queue)
            heir = self._queue[0] if self._queue else None
        for ticket in group:
            ticket.woken.set()
        if heir is not None:
            heir.woken.set()

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
