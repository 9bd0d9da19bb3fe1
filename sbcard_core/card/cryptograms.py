"""Who computes the 8 bytes of an authentication: a PSAM in the terminal, or whatever a key holder keeps its keys in.

The third way, a security module reached in two steps, can't be called: the
session hands its question out and is continued with the answer, see
:mod:`sbcard_core.card.twostep`.
"""

from typing import Protocol

from apdu import instructions as iso
from apdu import psam as sam
from apdu.channel import CardChannel
from sbcard_core.card.access import KeyRef
from sbcard_core.card.link import Link
from sbcard_core.crypto.diversify import city_factor
from sbcard_core.crypto.holder import KeyHolder


class Cryptograms(Protocol):
    """Encrypts original data under a card's key, changed by a process factor."""

    def cryptogram(
        self, key: KeyRef, region: str, factor: bytes, process: bytes, original: bytes, *, step: str
    ) -> bytes:
        """8 bytes."""
        ...


class PsamCryptograms:
    """A PSAM: SELECT once, then INIT_FOR_DESCRYPT and DES_CRYPT for each cryptogram.

    Args:
        channel: the PSAM.
    """

    def __init__(self, channel: CardChannel) -> None:
        self.link = Link(channel)
        self._selected = False

    def cryptogram(
        self, key: KeyRef, region: str, factor: bytes, process: bytes, original: bytes, *, step: str
    ) -> bytes:
        """See :class:`Cryptograms`. On the wire the card's factor comes first, the city's second.

        Raises:
            AssumptionNotSet: the key's number in the PSAM is not known.
            UnexpectedStatus: the PSAM refuses.
        """
        key_id = key.need_psam_key_id()
        if not self._selected:
            self.link.send(iso.select_aid(sam.PSAM_AID), "select PSAM application")
            self._selected = True
        prepare = sam.init_for_descrypt(sam.KeyType.MAC_ENCRYPT, key_id, [factor, city_factor(region)], process)
        self.link.send(prepare, f"{step}: prepare the PSAM key")
        return self.link.send(sam.descrypt(original), f"{step}: PSAM cipher")


class HolderCryptograms:
    """Keys in software, a token or another device behind a ``KeyHolder``.

    Args:
        holder: computes; the caller closes it.
    """

    def __init__(self, holder: KeyHolder) -> None:
        self.holder = holder

    def cryptogram(
        self,
        key: KeyRef,
        region: str,
        factor: bytes,
        process: bytes,
        original: bytes,
        *,
        step: str,  # noqa: ARG002
    ) -> bytes:
        """See :class:`Cryptograms`; the holder's own errors come through.

        Raises:
            AssumptionNotSet: the process key rule is not set.
        """
        return self.holder.cryptogram_many(key.usage, city_factor(region) + factor, process, original)
