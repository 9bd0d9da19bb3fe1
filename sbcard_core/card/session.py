"""A session with one card: who it is, what it holds, who may change it.

The channel is anything with ``transmit``: a PC/SC reader, a virtual card, a
recorded session. Every error names the step; where a status word stands behind
it, the error carries it and the driver interface's number.

A session belongs to one thread at a time.
"""

from typing import TYPE_CHECKING

from sbcard_core.card.core import Detected
from sbcard_core.card.twostep import TwoStep

if TYPE_CHECKING:
    from sbcard_core.card.account import Account
    from sbcard_core.card.purse import Purse

__all__ = ["CardSession", "Detected"]


class CardSession(TwoStep):
    """One card between insertion and removal.

    Args:
        channel: the card. 61xx and 6Cxx are finished here, so a bare reader will do.
        psam: the terminal's PSAM, for authentication only.
        profile: the card's generation; its unset assumptions are refused when a step needs them. Once the version has
            been read, the files are those of the card's own generation.
        atr: the card's answer to reset; taken from ``channel.atr`` when not given.
        rng: random bytes for process factors and original data.
        holder: keys in software or in a device, in place of a PSAM.

    Attributes:
        algorithm_id: 1 3DES, 2 SSF33, 3 SM4, as the environment named it; None before it was selected.
        apdu_count: commands sent to the card so far.
        psam_count: commands sent to the PSAM so far.

    Example:
        >>> class Mute:
        ...     def transmit(self, command: bytes) -> bytes:
        ...         return bytes.fromhex("6A82")
        >>> CardSession(Mute()).read_basic()
        Traceback (most recent call last):
            ...
        apdu.errors.UnexpectedStatus: card answered 6A82: file not found (文件未找到) [select SSSE]; \
check that it is a social security card
    """

    def purse(self) -> "Purse":
        """The purse on this card (电子钱包): load, purchase, balance, log. Its commands count in ``apdu_count``."""
        from sbcard_core.card.purse import Purse  # noqa: PLC0415 - the purse stands on the session

        return Purse(self.link.channel, profile=self.profile, session=self)

    def account(self) -> "Account":
        """The money account of DF04 (医疗账户)."""
        from sbcard_core.card.account import Account  # noqa: PLC0415 - the account stands on the session

        return Account(self)
