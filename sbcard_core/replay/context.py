"""What every stage is given, and how stages write down what only the replay sees."""

from dataclasses import dataclass
from functools import cached_property

from sbcard_core.crypto.keys import KeyUsage, SecretKey
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.replay.campaign import Campaign
from sbcard_core.replay.openkeys import transport_key
from sbcard_core.replay.plan import Plan
from sbcard_core.store import Store, insert_many, schema
from sbcard_core.values import Severity

_FINDING = ("stage", "code", "source", "line", "field", "severity", "disposition", "amount_fen", "detail")


@dataclass
class Context:
    """A campaign, its database, and the simulation's keys."""

    campaign: Campaign
    store: Store

    @cached_property
    def plan(self) -> Plan:
        """Who meets which fate."""
        return Plan(self.campaign)

    @cached_property
    def keys(self) -> MasterKeys:
        """Master keys made from the seed: for simulators only."""
        return MasterKeys.simulation(self.campaign.seed)

    @cached_property
    def transport(self) -> SecretKey:
        """The key shared with the simulated factory."""
        return SecretKey(transport_key(self.campaign.seed), KeyUsage.TRANSPORT)

    def note(self, stage: str, code: str, source: str, detail: str, *, severity: Severity = Severity.ERROR) -> None:
        """Record one finding about a whole file."""
        with self.store.begin() as connection:
            insert_many(
                connection, schema.finding, _FINDING, [(stage, code, source, 0, "", int(severity), None, 0, detail)]
            )
