"""Transport is one method, bytes to bytes; everything else wraps it."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from apdu.classbyte import get_response_class
from apdu.command import MAX_EXTENDED_NE, CommandAPDU
from apdu.errors import APDUError, LimitExceeded
from apdu.response import ResponseAPDU
from sbcard_core.messages import message

MAX_GET_RESPONSE_ROUNDS = 512
"""Most 61xx/6Cxx rounds of one command: a card that never ends is stopped. The longest answer takes 256 rounds of 256
bytes, and as many again where the card asks for each with 6Cxx."""


@runtime_checkable
class CardChannel(Protocol):
    """Anything that carries a command to a card and brings its answer back."""

    def transmit(self, command: bytes) -> bytes:
        """Send one command APDU; the answer is at least two bytes.

        Raises:
            CardLost: the card or the reader went away.
        """
        ...


@runtime_checkable
class AsyncCardChannel(Protocol):
    """:class:`CardChannel` for asyncio; :func:`apdu.aio.to_async` makes one of a blocking channel."""

    async def transmit(self, command: bytes) -> bytes:
        """Send one command APDU; the answer is at least two bytes.

        Raises:
            CardLost: the card or the reader went away.
        """
        ...


def exchange(channel: CardChannel, command: CommandAPDU) -> ResponseAPDU:
    """Send a command value and decode the answer."""
    return ResponseAPDU.decode(channel.transmit(command.encode()))


class GetResponseChannel:
    """Finish T=0 answers: 61xx is fetched with GET RESPONSE, 6Cxx repeated with the exact Le.

    The caller sees one answer with all data, ISO/IEC 7816-3:2006 12.2.

    Args:
        inner: the channel to wrap.
        rounds: most extra rounds for one command.
        most: most bytes of data collected for one command.
    """

    def __init__(
        self, inner: CardChannel, *, rounds: int = MAX_GET_RESPONSE_ROUNDS, most: int = MAX_EXTENDED_NE
    ) -> None:
        self._inner = inner
        self._rounds = rounds
        self._most = most

    def transmit(self, command: bytes) -> bytes:
        """Send a command and collect its whole answer.

        Raises:
            APDUError: the card asked for more rounds than the ceiling.
            LimitExceeded: it sent more data than the ceiling.
            InvalidValue: a malformed command that the card wants repeated.
            CardLost: from the inner channel.
        """
        answer = self._inner.transmit(command)
        if len(answer) < 2 or answer[-2] not in (0x61, 0x6C):  # almost every answer
            return answer
        collected = b""
        for _ in range(self._rounds):
            sw1, sw2 = answer[-2], answer[-1]
            if sw1 == 0x61:
                collected += answer[:-2]
                if len(collected) > self._most:
                    raise LimitExceeded(
                        message("cards.answer.long", most=self._most), step="get_response", term="取响应"
                    )
                command = bytes((get_response_class(command[0] if command else 0), 0xC0, 0, 0, sw2))
            elif sw1 == 0x6C:
                command = _with_le(command, sw2)
            else:
                return collected + answer
            answer = self._inner.transmit(command)
            if len(answer) < 2:
                return answer
        if answer[-2] in (0x61, 0x6C):
            raise APDUError(message("cards.answer.endless"), step="get_response", term="取响应")
        return collected + answer


class ExactLengthChannel:
    """Repeat a command once with the exact Le where the card answers 6Cxx; everything else passes.

    For readers that do GET RESPONSE themselves; :class:`GetResponseChannel` does both.
    """

    def __init__(self, inner: CardChannel) -> None:
        self._inner = inner

    def transmit(self, command: bytes) -> bytes:
        """Send a command, at most twice.

        Raises:
            InvalidValue: a malformed command that the card wants repeated.
            CardLost: from the inner channel.
        """
        answer = self._inner.transmit(command)
        if len(answer) != 2 or answer[0] != 0x6C:
            return answer
        return self._inner.transmit(_with_le(command, answer[1]))


def _with_le(command: bytes, le: int) -> bytes:
    """The same command asking for exactly ``le`` bytes."""
    return CommandAPDU.decode(command).replace(ne=le or 256, extended=False).encode()


def redact_data(wire: bytes, is_command: bool) -> str:
    """Default redactor: header and lengths of a command, length and SW of an answer, no data at all.

    Example:
        >>> redact_data(bytes.fromhex("0020000003123456"), True)
        '00200000 nc=3 ne=0'
        >>> redact_data(bytes.fromhex("0304322E30309000"), False)
        'nr=6 sw=9000'
    """
    if not is_command:
        return f"nr={max(0, len(wire) - 2)} sw={wire[-2:].hex().upper()}"
    try:
        command = CommandAPDU.decode(wire)
    except ValueError:
        return f"malformed command of {len(wire)} bytes"
    return f"{command.header.hex().upper()} nc={command.nc} ne={command.ne}"


class TraceChannel:
    """Tell ``sink`` what passes, through ``redact``.

    Args:
        inner: the channel to wrap.
        sink: takes one line, ``"> ..."`` for a command and ``"< ..."`` for an answer.
        redact: turns bytes into what may be shown; the default shows no data at all.
    """

    def __init__(
        self,
        inner: CardChannel,
        sink: Callable[[str], None],
        redact: Callable[[bytes, bool], str] = redact_data,
    ) -> None:
        self._inner = inner
        self._sink = sink
        self._redact = redact

    def transmit(self, command: bytes) -> bytes:
        """Pass a command on and report both directions."""
        self._sink("> " + self._redact(command, True))
        answer = self._inner.transmit(command)
        self._sink("< " + self._redact(answer, False))
        return answer
