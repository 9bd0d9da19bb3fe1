"""A PSAM in a reader as a key holder: two commands for each card, no key ever outside it."""

from collections.abc import Mapping

from apdu import instructions
from apdu import psam as commands
from apdu.channel import CardChannel, GetResponseChannel, exchange
from sbcard_core.crypto.errors import HolderFailed, MacMismatch, unset
from sbcard_core.crypto.holder import HolderBase, PurchaseOpening, PurchaseRequest, count_of, rows_of
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.messages import message

KEY_IDS: Mapping[KeyUsage, int] = {
    KeyUsage.RK_SSSE: commands.KEY_ID_RK_SSSE,
    KeyUsage.UK_SSSE: commands.KEY_ID_UK_SSSE,
}
"""Key numbers in the PSAM that two sources agree on; IRK's is not public and must be set."""

_STEP = "crypto.psam_holder"
_MAC_INVALID = 0x9302


class PsamKeyHolder(HolderBase):
    """Cryptograms and purchases by a PSAM (终端安全存取模块).

    Cryptograms are INIT_FOR_DESCRYPT (``BF DE``, or ``80 1A`` on classic PSAMs) and DES_CRYPT (``80 FA``); purchases
    are ``80 70`` and ``80 72``. On the wire the card's factor comes first and the city's second.

    Args:
        channel: the PSAM's slot; 61xx and 6Cxx are handled here.
        key_ids: key numbers by usage, beside :data:`KEY_IDS`; IRK's must be given to use it.
        classic: send ``80 1A`` instead of ``BF DE``.

    Raises:
        UnexpectedStatus: the PSAM has no such application.
        CardLost: no answer.
    """

    name = "PSAM"

    def __init__(
        self, channel: CardChannel, *, key_ids: Mapping[KeyUsage, int] | None = None, classic: bool = False
    ) -> None:
        self._channel = GetResponseChannel(channel)
        self._key_ids = {**KEY_IDS, **(key_ids or {})}
        self._classic = classic
        select = instructions.select_aid(commands.PSAM_AID)
        exchange(self._channel, select).require(f"{_STEP}: select")

    def _key_id(self, usage: KeyUsage) -> int:
        found = self._key_ids.get(usage)
        if found is None:
            raise unset("psam_number", "密钥标识", _STEP, usage=usage.value)
        return found

    def terminal_number(self) -> bytes:
        """The 6 bytes of 终端机编号 (assumed place: PBOC practice)."""
        return exchange(self._channel, commands.read_terminal_number()).require(f"{_STEP}: terminal number")

    def cryptogram_many(
        self, usage: KeyUsage, factors: bytes, process: bytes, originals: bytes, *, levels: int = 2
    ) -> bytes:
        """See ``KeyHolder``: one card after another.

        Raises:
            AssumptionNotSet: the PSAM's key number of this usage is not set.
            UnexpectedStatus: the PSAM refuses.
            CardLost: it went away; the cards before it were answered but their answers are not returned.
        """
        count, key_id = count_of(originals, process), self._key_id(usage)
        out = []
        for i, path in enumerate(rows_of(factors, levels, count)):
            prepare = commands.init_for_descrypt(
                commands.KeyType.MAC_ENCRYPT, key_id, path[::-1], process[8 * i : 8 * i + 8], classic=self._classic
            )
            exchange(self._channel, prepare).require(f"{_STEP}: prepare")
            crypt = commands.descrypt(originals[8 * i : 8 * i + 8])
            made = exchange(self._channel, crypt).require(f"{_STEP}: compute")
            if len(made) != 8:
                raise HolderFailed(message("cards.psam.size", count=len(made)), step=_STEP)
            out.append(made)
        return b"".join(out)

    def begin_purchase(self, request: PurchaseRequest) -> PurchaseOpening:
        """Open a purchase with ``80 70``.

        Raises:
            UnexpectedStatus: the PSAM refuses, e.g. 9303 when its purchase key is locked.
        """
        command = commands.init_sam_for_purchase(
            commands.SamPurchaseRequest(
                request.card_random,
                request.card_txn_no,
                request.amount_fen,
                request.transaction_type,
                request.at,
                request.key_version,
                request.algorithm,
                request.factors[::-1],
            )
        )
        answer = commands.SamPurchaseResponse.parse(exchange(self._channel, command).require(f"{_STEP}: MAC1"))
        return PurchaseOpening(answer.terminal_txn_no, answer.mac1)

    def finish_purchase(self, mac2: bytes) -> None:
        """Check MAC2 with ``80 72``; a wrong one lowers the PSAM's budget.

        Raises:
            MacMismatch: the PSAM says MAC2 is wrong.
            UnexpectedStatus: it refuses otherwise.
        """
        answer = exchange(self._channel, commands.credit_sam_for_purchase(mac2))
        if answer.sw.value == _MAC_INVALID:
            raise MacMismatch(message("cards.psam.mac2"), step=_STEP, term="报文鉴别码")
        answer.require(f"{_STEP}: MAC2")
