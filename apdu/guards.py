"""Wrappers that keep a channel within its bounds: lengths, and one owner at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from apdu.channel import CardChannel
from apdu.errors import CardLost, ChannelInUse, LimitExceeded
from sbcard_core.messages import message

SHORT_COMMAND = 261
"""Header, Lc, 255 bytes, Le: the longest command without extended lengths."""
SHORT_ANSWER = 258
"""256 bytes and a status word: what a terminal must accept (terminal interface document, two sources)."""


class LimitChannel:
    """Refuse commands and answers that are longer than reader or card can carry.

    Args:
        inner: the channel to wrap.
        max_command: most bytes of a command; a longer one is not sent.
        max_answer: most bytes of an answer, status word included.
    """

    def __init__(self, inner: CardChannel, *, max_command: int = SHORT_COMMAND, max_answer: int = SHORT_ANSWER) -> None:
        self._inner = inner
        self._max_command = max_command
        self._max_answer = max_answer

    def transmit(self, command: bytes) -> bytes:
        """Pass a command of a length the channel carries.

        Raises:
            LimitExceeded: a command under 4 or over ``max_command`` bytes, an answer over ``max_answer``.
            CardLost: an answer of fewer than two bytes.
        """
        if not 4 <= len(command) <= self._max_command:
            raise LimitExceeded(
                message("cards.command.most", count=len(command), most=self._max_command), step="LimitChannel"
            )
        answer = self._inner.transmit(command)
        if len(answer) < 2:
            raise CardLost(message("cards.answer.short"), step="LimitChannel", term="卡无应答")
        if len(answer) > self._max_answer:
            raise LimitExceeded(
                message("cards.answer.most", count=len(answer), most=self._max_answer), step="LimitChannel"
            )
        return answer


class OwnedChannel:
    """One thread at a time: a card has one state, and two threads would cut into each other's transactions.

    Every command takes the channel for its own time. :meth:`owned` keeps it for several. Nobody waits: who comes
    second is told so.

    Example:
        >>> class Card:
        ...     def transmit(self, command: bytes) -> bytes:
        ...         return bytes.fromhex("9000")
        >>> channel = OwnedChannel(Card())
        >>> with channel.owned():
        ...     channel.transmit(bytes.fromhex("00840000")).hex()
        '9000'
    """

    def __init__(self, inner: CardChannel) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._busy = False

    @contextmanager
    def owned(self) -> Iterator["OwnedChannel"]:
        """Keep the channel for this thread until the block ends.

        Raises:
            ChannelInUse: another thread has it, or this one has it already.
        """
        self._take()
        try:
            yield self
        finally:
            self._owner = None
            self._lock.release()

    def transmit(self, command: bytes) -> bytes:
        """Pass a command on.

        Raises:
            ChannelInUse: another thread has the channel, or it is in the middle of a command.
        """
        if self._owner == threading.get_ident():
            return self._send(command)
        self._take()
        try:
            return self._send(command)
        finally:
            self._owner = None
            self._lock.release()

    def _take(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise ChannelInUse(message("cards.channel.taken"), step="OwnedChannel")
        self._owner = threading.get_ident()

    def _send(self, command: bytes) -> bytes:
        if self._busy:
            raise ChannelInUse(message("cards.channel.busy"), step="OwnedChannel")
        self._busy = True
        try:
            return self._inner.transmit(command)
        finally:
            self._busy = False
