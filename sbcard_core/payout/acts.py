"""Acts beside rolls that stop, start or take back money of one person, and their approval by officers.

The content of an act that can be done again names what was done before: an approval is of one act, of none after it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from sbcard_core.officers import Act, Signer, require
from sbcard_core.payout.checks import day
from sbcard_core.payout.lines import Books
from sbcard_core.payout.programmes import Programme

DEATH_ACT = "payout.death"
"""Kind of act: a death is recorded, or its day corrected. Its subject is the masked number of the person."""
WITHDRAW_DEATH_ACT = "payout.death.withdraw"
"""Kind of act: a recorded death is withdrawn. Its subject is the masked number of the person."""
SUSPEND_ACT = "payout.suspend"
"""Kind of act: a person is paid no more from a period on. Its subject is ``<programme>:<masked number>``."""
RESUME_ACT = "payout.resume"
"""Kind of act: a suspended person is paid again. Its subject is ``<programme>:<masked number>``."""
TELL_ACT = "payout.tell"
"""Kind of act: other life statuses than are known are handed in. Its subject is of how many people."""
GIVE_UP_ACT = "payout.returned.give-up"
"""Kind of act: returned lines are given up. Its subject is the programme."""
REINSTATE_ACT = "payout.returned.reinstate"
"""Kind of act: given-up lines are payable again. Its subject is the programme."""
RECOVER_ACT = "payout.recovery.open"
"""Kind of act: a recovery is opened. Its subject is the recovery's id."""
WITHDRAW_ACT = "payout.recovery.withdraw"
"""Kind of act: a recovery is withdrawn. Its subject is the recovery's id."""


def strictest(known: Mapping[str, Programme]) -> int:
    """How many officers an act takes that concerns every programme: as many as the strictest of them."""
    return max((programme.approvals for programme in known.values()), default=0)


@dataclass(frozen=True, slots=True)
class Approved:
    """The day of an act, and the officers who approve it.

    Raises:
        InvalidValue: no day.
    """

    on: date
    by: Iterable[Signer] = ()

    def __post_init__(self) -> None:
        day(self.on)

    def ask(
        self,
        books: Books,
        connection: sa.Connection,
        kind: str,
        subject: str,
        content: Iterable[object],
        *,
        needed: int,
    ) -> None:
        """Check and store the approvals of an act with this content.

        Raises:
            ApprovalRefused: too few officers, one who is not registered, or a proof that is none.
        """
        require(connection, books.officers, Act.of(kind, subject, content, self.on), self.by, needed=needed)
