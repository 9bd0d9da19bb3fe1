"""A card session for asyncio: the same session, run in one thread of its own."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, Self, TypeVar

from sbcard_core.card.basic import CardBasic
from sbcard_core.card.core import Detected
from sbcard_core.card.session import CardSession
from sbcard_core.card.values import Value, Values

P = ParamSpec("P")
R = TypeVar("R")


class AsyncCardSession:
    """Every call runs in the session's own thread, one after the other; the event loop goes on meanwhile.

    A call that is cancelled has reached the card all the same; the next one waits for it. Close with ``async with``.

    Args:
        session: the blocking session; nothing else may use it from now on.

    Example:
        >>> class Mute:
        ...     def transmit(self, command: bytes) -> bytes:
        ...         return bytes.fromhex("63C2")
        >>> async def ask() -> int:
        ...     async with AsyncCardSession(CardSession(Mute())) as session:
        ...         return await session.run(session.blocking.pin_tries)
        >>> asyncio.run(ask())
        2
    """

    def __init__(self, session: CardSession) -> None:
        self.blocking = session
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="card session")

    async def run(self, call: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        """Run any call of the session, or of a purse or account on it, in the session's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: call(*arguments, **named))

    async def detect(self) -> Detected:
        """See ``CardSession.detect``."""
        return await self.run(self.blocking.detect)

    async def read_basic(self, fields: Iterable[str] | None = None) -> CardBasic:
        """See ``CardSession.read_basic``."""
        return await self.run(self.blocking.read_basic, fields)

    async def read_authenticated(self, fields: Iterable[str] | None = None) -> CardBasic:
        """See ``CardSession.read_authenticated``; everything when None."""
        return await self.run(self.blocking.read_authenticated, fields)

    async def read_file(self, name: str, fields: Iterable[str] | None = None) -> Values | list[Values]:
        """See ``CardSession.read_file``."""
        return await self.run(self.blocking.read_file, name, fields)

    async def write_file(self, name: str, values: Mapping[str, Value], *, check: bool = False) -> tuple[str, ...]:
        """See ``CardSession.write_file``."""
        return await self.run(self.blocking.write_file, name, values, check=check)

    async def verify_pin(self, pin: str) -> None:
        """See ``CardSession.verify_pin``."""
        await self.run(self.blocking.verify_pin, pin)

    async def change_pin(self, old: str, new: str) -> None:
        """See ``CardSession.change_pin``."""
        await self.run(self.blocking.change_pin, old, new)

    async def aclose(self) -> None:
        """Wait for the call under way and end the thread."""
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.aclose()
