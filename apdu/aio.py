"""Channels for asyncio: an adapter that gives a blocking channel one thread of its own."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from apdu.channel import AsyncCardChannel, CardChannel
from apdu.command import CommandAPDU
from apdu.errors import ChannelInUse
from apdu.response import ResponseAPDU
from sbcard_core.messages import message


async def exchange(channel: AsyncCardChannel, command: CommandAPDU) -> ResponseAPDU:
    """Send a command value and decode the answer."""
    return ResponseAPDU.decode(await channel.transmit(command.encode()))


class AsyncAdapter:
    """A blocking channel, run in one dedicated thread: every command in that thread, one after the other.

    A cancelled command has been sent all the same: the card has seen it, and the next one waits until its answer is
    there. Close the adapter (``async with`` or :meth:`aclose`) to end the thread.
    """

    def __init__(self, inner: CardChannel, *, name: str = "card") -> None:
        self._inner = inner
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._closed = False

    async def transmit(self, command: bytes) -> bytes:
        """Send a command without stopping the event loop.

        Raises:
            ChannelInUse: the adapter is closed.
            CardLost: from the inner channel.
        """
        if self._closed:
            raise ChannelInUse(message("cards.channel.closed"), step="AsyncAdapter")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._inner.transmit, bytes(command))

    async def aclose(self) -> None:
        """Wait for the command under way and end the thread."""
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.aclose()


def to_async(channel: CardChannel, *, name: str = "card") -> AsyncAdapter:
    """Make a blocking channel usable from asyncio.

    Example:
        >>> class Card:
        ...     def transmit(self, command: bytes) -> bytes:
        ...         return bytes.fromhex("9000")
        >>> async def ask() -> str:
        ...     async with to_async(Card()) as channel:
        ...         return (await channel.transmit(bytes.fromhex("00840000"))).hex()
        >>> asyncio.run(ask())
        '9000'
    """
    return AsyncAdapter(channel, name=name)
