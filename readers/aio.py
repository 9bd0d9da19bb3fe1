"""The asyncio twin: every call to a reader runs in one thread that belongs to it, in the order of the calls.

Cards and drivers are bound to a thread and answer one command at a time; the loop goes on meanwhile.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

from readers import drivers
from readers.device import Capability, CardProtocol, Clock, DeviceConnection, DeviceSlot, Reader, ResetKind
from readers.errors import Timeout
from readers.monitor import Monitor, PlugEvent, watch
from sbcard_core.messages import message

T = TypeVar("T")


class Owner:
    """The one thread that touches a reader."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"reader {name}")

    async def run(self, call: Callable[..., T], *arguments: Any, timeout: float | None = None, step: str = "") -> T:
        """Run in the thread.

        A call that was begun goes on to its end also where the caller no longer waits: a command can't be taken back
        from a card. What is called next waits for it.

        Raises:
            Timeout: not done within ``timeout`` seconds.
        """
        future = asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)
        try:
            return await asyncio.wait_for(asyncio.shield(future), timeout)
        except TimeoutError:
            future.add_done_callback(_forget)
            raise Timeout(message("readers.slow", seconds=f"{timeout:g}"), step=step, term="超时") from None
        except asyncio.CancelledError:
            future.add_done_callback(_forget)
            raise

    def run_later(self, call: Callable[[], object]) -> None:
        """Run in the thread, after what it does now; nobody waits."""
        self._pool.submit(call)

    def close(self) -> None:
        """Let the thread end after what it does now."""
        self._pool.shutdown(wait=False)


def _forget(future: "asyncio.Future[Any]") -> None:
    """Take the result nobody waits for any more."""
    if not future.cancelled():
        future.exception()


class AsyncConnection:
    """A powered card; see :class:`readers.device.DeviceConnection`.

    Attributes:
        inner: the connection itself, for the owner's thread only.
    """

    def __init__(self, inner: DeviceConnection, owner: Owner) -> None:
        self.inner = inner
        self._owner = owner

    @property
    def atr(self) -> bytes:
        """Answer to reset of the last power-on."""
        return self.inner.atr

    @property
    def protocol(self) -> CardProtocol:
        """How reader and card talk."""
        return self.inner.protocol

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What works here."""
        return self.inner.capabilities

    async def transmit(self, command: bytes, *, timeout: float | None = None) -> bytes:
        """Send one command APDU.

        Raises:
            Timeout: no answer within ``timeout`` seconds; the connection is over, since the answer may still come.
            CardLost, Busy, NotSupported, MalformedData: see :meth:`readers.device.DeviceConnection.transmit`.
        """
        try:
            return await self._owner.run(self.inner.transmit, command, timeout=timeout, step="transmit")
        except Timeout as late:
            self.inner.give_up(late)
            raise

    async def reset(self, kind: ResetKind = ResetKind.WARM) -> bytes:
        """Reset the card; its ATR."""
        return await self._owner.run(self.inner.reset, kind)

    async def call(self, function: Callable[[DeviceConnection], T]) -> T:
        """Run several steps in one go in the reader's thread, e.g. a whole ``CardSession``."""
        return await self._owner.run(function, self.inner)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Self]:
        """Keep other programs away from the card until the block ends."""
        block = self.inner.transaction()
        await self._owner.run(block.__enter__)
        try:
            yield self
        finally:
            await self._owner.run(block.__exit__, None, None, None)

    async def disconnect(self) -> None:
        """End the connection."""
        await self._owner.run(self.inner.disconnect)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()


class AsyncSlot:
    """A place for one card; see :class:`readers.device.DeviceSlot`."""

    def __init__(self, inner: DeviceSlot, owner: Owner) -> None:
        self.inner = inner
        self._owner = owner
        self.name = inner.name
        self.capabilities = inner.capabilities

    async def is_present(self) -> bool:
        """Whether something is in the slot."""
        return await self._owner.run(self.inner.is_present)

    async def connect(
        self, protocol: CardProtocol = CardProtocol.ANY, *, exclusive: bool = False, timeout: float | None = None
    ) -> AsyncConnection:
        """Power the card on; waits up to ``timeout`` seconds for one."""

        def connect() -> DeviceConnection:
            return self.inner.connect(protocol, exclusive=exclusive, timeout=timeout)

        return AsyncConnection(await self._owner.run(connect), self._owner)

    async def wait_for_card(self, timeout: float) -> bool:
        """Wait until a card is in the slot; whether one is."""
        return await self._owner.run(self.inner.wait_for_card, timeout)

    async def wait_for_removal(self, timeout: float) -> bool:
        """Wait until the slot is empty; whether it is."""
        return await self._owner.run(self.inner.wait_for_removal, timeout)

    async def close(self) -> None:
        """End the connection, if any."""
        await self._owner.run(self.inner.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AsyncReader(AsyncSlot):
    """A reader; see :class:`readers.device.Reader`. Its slots have a thread each: card and PSAM don't wait.

    Attributes:
        reader: the reader itself.
        slots: at least one.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._owners = [Owner(slot.name) for slot in reader.slots]
        super().__init__(reader.slots[0], self._owners[0])
        self.slots = tuple(AsyncSlot(slot, owner) for slot, owner in zip(reader.slots, self._owners, strict=True))

    async def close(self) -> None:
        """End the connections of all slots and their threads."""
        for slot, owner in zip(self.slots, self._owners, strict=True):
            await owner.run(slot.inner.close)
        await self._owners[0].run(self.reader.close)
        for owner in self._owners:
            owner.close()


async def open(url: str, *, clock: Clock = time.monotonic, **options: Any) -> AsyncReader:
    """Open a reader, see :func:`readers.drivers.open`.

    Example:
        >>> async def empty() -> bool:
        ...     async with await open("sim:") as reader:
        ...         return await reader.is_present()
        >>> asyncio.run(empty())
        False
    """
    return AsyncReader(await asyncio.to_thread(lambda: drivers.open(url, clock=clock, **options)))


async def events(
    reader: Reader | AsyncReader | None = None, *, clock: Clock = time.monotonic
) -> AsyncIterator[PlugEvent]:
    """Plug events, see :func:`readers.monitor.watch`; ends with the task that iterates.

    Raises:
        MissingPart, NotSupported: see :func:`readers.monitor.watch`.
    """
    owner = Owner("events")
    plain = reader.reader if isinstance(reader, AsyncReader) else reader
    monitor = await owner.run(lambda: watch(plain, clock=clock))
    try:
        while True:
            event = await owner.run(monitor.next, Monitor.SLICE)
            if event is not None:
                yield event
    finally:
        monitor.close()
        owner.run_later(monitor.release)
        owner.close()
