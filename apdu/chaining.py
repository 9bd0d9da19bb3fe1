"""Command chaining (ISO/IEC 7816-4:2013 5.3.3): a long command in parts, for cards without extended lengths."""

from collections.abc import Iterable

from apdu.channel import CardChannel
from apdu.classbyte import is_chained, with_chaining
from apdu.command import MAX_EXTENDED_NC, MAX_SHORT_NC, MAX_SHORT_NE, CommandAPDU
from apdu.errors import ChainingRefused
from sbcard_core.messages import message


def split(command: CommandAPDU, size: int = MAX_SHORT_NC) -> list[CommandAPDU]:
    """Cut a command into parts of at most ``size`` data bytes.

    All parts but the last have the chaining bit (CLA | 10) and expect no data; the last has the command's Ne, at most
    256. Every part has short lengths, also where the command fits into one: it is for a card that knows no others.

    Raises:
        ChainingRefused: a size outside 1..255, a command that is already part of a chain.
        ClassRefused: a class whose chaining bit is not known (A0 to FF).

    Example:
        >>> split(CommandAPDU(0x00, 0xD6, 0, 0, bytes(300), ne=256))
        [CommandAPDU(10D60000, nc=255, ne=0), CommandAPDU(00D60000, nc=45, ne=256)]
    """
    if not 1 <= size <= MAX_SHORT_NC:
        raise ChainingRefused(message("cards.chain.size"), step="chaining.split")
    ne = min(command.ne, MAX_SHORT_NE)
    if command.nc <= size:
        return [CommandAPDU(command.cla, command.ins, command.p1, command.p2, command.data, ne)]
    if is_chained(command.cla):
        raise ChainingRefused(message("cards.chain.part"), step="chaining.split")
    cla, data = with_chaining(command.cla, True), command.data
    last = (command.nc - 1) // size * size
    head = [CommandAPDU(cla, command.ins, command.p1, command.p2, data[at : at + size]) for at in range(0, last, size)]
    return [*head, CommandAPDU(command.cla, command.ins, command.p1, command.p2, data[last:], ne)]


def join(parts: Iterable[CommandAPDU]) -> CommandAPDU:
    """Put the parts of one chain together again: what a card does.

    Raises:
        ChainingRefused: no parts; headers that differ; a chain that ends early or goes on after its last part; more
            than 65535 data bytes.
        ClassRefused: a class whose chaining bit is not known, in a chain of several parts.

    Example:
        >>> long = CommandAPDU(0x00, 0xD6, 0, 0, bytes(300))
        >>> join(split(long, 100)) == long
        True
    """
    chain = list(parts)
    if len(chain) == 1 and chain[0].cla >= 0xA0:
        return chain[0]
    if not chain or is_chained(chain[-1].cla) or not all(is_chained(part.cla) for part in chain[:-1]):
        raise ChainingRefused(message("cards.chain.end"), step="chaining.join")
    if len(chain) == 1:
        return chain[0]
    last = chain[-1]
    same = {(part.ins, part.p1, part.p2, with_chaining(part.cla, False)) for part in chain}
    if len(same) != 1 or any(part.ne for part in chain[:-1]):
        raise ChainingRefused(message("cards.chain.header"), step="chaining.join")
    if sum(part.nc for part in chain) > MAX_EXTENDED_NC:
        raise ChainingRefused(message("cards.chain.most"), step="chaining.join")
    return CommandAPDU(last.cla, last.ins, last.p1, last.p2, b"".join(part.data for part in chain), last.ne)


class ChainingChannel:
    """Send commands longer than ``size`` in parts; the answer is that of the last part, or of the first refused one.

    Args:
        inner: the channel to wrap.
        size: most data bytes of one part.
    """

    def __init__(self, inner: CardChannel, *, size: int = MAX_SHORT_NC) -> None:
        if not 1 <= size <= MAX_SHORT_NC:
            raise ChainingRefused(message("cards.chain.size"), step="ChainingChannel")
        self._inner = inner
        self._size = size

    def transmit(self, command: bytes) -> bytes:
        """Send a command, in parts where it is long.

        Raises:
            InvalidValue: a malformed command, or one that can't be chained.
            CardLost: from the inner channel.
        """
        *head, last = split(CommandAPDU.decode(command), self._size)
        for part in head:
            answer = self._inner.transmit(part.encode())
            if answer[-2:] != b"\x90\x00":
                return answer
        return self._inner.transmit(last.encode())
