"""The issuer's side of a load: what the terminal asks, what the host answers, and a host that holds the keys."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Protocol

from sbcard_core.crypto import mac, purse
from sbcard_core.crypto.diversify import derive
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """One load (圈存) as the card initialised it; MAC1 proves it to the host."""

    factor: bytes
    city: str
    balance_fen: int
    amount_fen: int
    type: int
    terminal_no: bytes
    online_no: int
    key_version: int
    algorithm: int
    random: bytes = field(repr=False)
    mac1: bytes = field(repr=False)
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class LoadAuthorisation:
    """The host's answer: MAC2 and the moment it covers."""

    mac2: bytes = field(repr=False)
    at: dt.datetime


class LoadHost(Protocol):
    """Whoever holds the money and the load keys."""

    def authorise_load(self, request: LoadRequest) -> LoadAuthorisation:
        """Take the money and answer MAC2.

        Raises:
            SBCardError: the host refuses; the card's balance is unchanged.
        """
        ...


class KeyedLoadHost:
    """A load host that only does the arithmetic: checks MAC1 and computes MAC2 with the issuer's keys.

    Example:
        >>> with MasterKeys.simulation(1) as keys:
        ...     host = KeyedLoadHost(keys)
        >>> host.loaded_fen
        0
    """

    def __init__(self, keys: MasterKeys) -> None:
        self._keys = keys
        self.loaded_fen = 0

    def authorise_load(self, request: LoadRequest) -> LoadAuthorisation:
        """Check MAC1, count the money and answer MAC2.

        Raises:
            MacMismatch: MAC1 is not the card's.
        """
        with (
            derive(self._keys.city(KeyUsage.DLK, request.city), request.factor) as key,
            purse.load_session_key(key, request.random, request.online_no) as session,
        ):
            mac.verify(
                purse.load_mac1(session, request.balance_fen, request.amount_fen, request.type, request.terminal_no),
                request.mac1,
                step="load host: MAC1",
            )
            mac2 = purse.load_mac2(session, request.amount_fen, request.type, request.terminal_no, request.at)
        self.loaded_fen += request.amount_fen
        return LoadAuthorisation(mac2, request.at)
