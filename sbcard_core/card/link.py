"""The wire under a session: counts every command that really goes to the device, finishes T=0 answers."""

from apdu.channel import CardChannel, GetResponseChannel, exchange
from apdu.command import CommandAPDU
from apdu.response import ResponseAPDU
from sbcard_core.messages import Message


class CountingChannel:
    """Counts the commands that reach the device, GET RESPONSE and repeats included.

    Example:
        >>> class Mute:
        ...     def transmit(self, command: bytes) -> bytes:
        ...         return bytes.fromhex("9000")
        >>> channel = CountingChannel(Mute())
        >>> channel.transmit(b""), channel.count
        (b'\\x90\\x00', 1)
    """

    def __init__(self, inner: CardChannel) -> None:
        self._inner = inner
        self.atr: bytes | None = getattr(inner, "atr", None)
        self.count = 0

    def transmit(self, command: bytes) -> bytes:
        """Pass a command on."""
        self.count += 1
        return self._inner.transmit(command)


class Link:
    """One device: exchange of command values over a counted channel.

    Args:
        channel: the device.
    """

    def __init__(self, channel: CardChannel) -> None:
        self.channel = CountingChannel(channel)
        self._finished = GetResponseChannel(self.channel)

    @property
    def count(self) -> int:
        """Commands sent so far."""
        return self.channel.count

    def exchange(self, command: CommandAPDU) -> ResponseAPDU:
        """Send a command; the answer may be any status."""
        return exchange(self._finished, command)

    def send(self, command: CommandAPDU, step: str, *, advice: str | Message = "") -> bytes:
        """Send a command that must succeed.

        Raises:
            UnexpectedStatus: any status but 9000; names the step.
            CardLost: the device went away.
        """
        return self.exchange(command).require(step, advice=advice)
