"""Plug events: ten thousand on a virtual reader, two hundred through a real service, none missed."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.errors import CardLost
from readers import aio, drivers, pcsc
from readers.device import Reader
from readers.errors import Busy, LostConnection, ReaderError, ServiceLost
from readers.monitor import Monitor, PlugEvent, PlugKind, alternate, watch
from readers.monitor_pcsc import PcscSource
from readers.plain import PlainReader, PlainSlot
from readers.sim.card import VirtualCard
from readers.sim.reader import VirtualReader
from tests.readers.service import DESK_PORTS, SECONDS, several_readers

IN, OUT = PlugKind.INSERTED, PlugKind.REMOVED
PORTS = tuple(DESK_PORTS)
CYCLES = 10
"""In and out, on ten slots at once: 200 events. The service looks at a slot two or three times a second."""


@given(st.booleans(), st.lists(st.booleans(), max_size=9))
def test_counters_tell_all(present: bool, looks: list[bool]) -> None:
    """Whatever happens between two looks, the counter and the two states give it back."""
    now, moves, happened = present, 0, []
    for look in looks:
        if look != now:
            now, moves = look, moves + 1
            happened.append(IN if now else OUT)
    assert alternate(present, moves, now) == happened
    assert alternate(present, 0, not present) == [OUT if present else IN]


def test_ten_thousand_on_a_virtual_reader(card: VirtualCard) -> None:
    """A hand and a listener in two threads, at random speeds: every event arrives, once, in its order."""
    reader = drivers.open("sim:")
    assert isinstance(reader, PlainReader)
    heard: list[PlugEvent] = []
    count = 10_000
    with watch(reader) as events:

        def hand() -> None:
            pause = threading.Event()
            rng = random.Random(5)
            for _ in range(count // 2):
                reader.insert(card)
                reader.remove()
                if rng.random() < 0.01:
                    pause.wait(0.002)

        thread = threading.Thread(target=hand)
        thread.start()
        while len(heard) < count + 1:
            event = events.next(SECONDS)
            assert event is not None, f"{count + 1 - len(heard)} missed"
            heard.append(event)
        thread.join()
        assert events.next(0) is None
    assert heard[0].kind is PlugKind.READER_ADDED
    assert [event.kind for event in heard[1:]] == [IN, OUT] * (count // 2)
    assert [event.number for event in heard] == list(range(1, count + 2))


def test_a_reader_of_several_virtual_slots(card: VirtualCard) -> None:
    slots = tuple(PlainSlot(VirtualReader(name)) for name in ("card", "psam"))
    with watch(Reader("desk", slots)) as events:
        slots[1].insert(card)
        slots[0].insert(card)
        slots[0].insert(card)  # the first is pulled out for it
        seen: dict[str, list[PlugKind]] = {"card": [], "psam": []}
        while (event := events.next(0.1)) is not None:
            seen[event.slot].append(event.kind)
    assert seen == {"card": [PlugKind.READER_ADDED, IN, OUT, IN], "psam": [PlugKind.READER_ADDED, IN]}


def test_iterating_ends_when_closed(card: VirtualCard) -> None:
    reader = drivers.open("sim:")
    events = watch(reader)
    threading.Timer(0.1, events.close).start()
    assert [event.kind for event in events] == [PlugKind.READER_ADDED]


def test_events_in_asyncio(card: VirtualCard) -> None:
    async def listen() -> list[PlugKind]:
        reader = drivers.open("sim:")
        assert isinstance(reader, PlainReader)
        kinds: list[PlugKind] = []
        async for event in aio.events(reader):
            kinds.append(event.kind)
            if event.kind is PlugKind.READER_ADDED:
                asyncio.get_running_loop().call_later(0.05, reader.insert, card)
            elif event.kind is IN:
                reader.remove()
            else:
                return kinds
        return []

    assert asyncio.run(listen()) == [PlugKind.READER_ADDED, IN, OUT]


# --- through a real service


def test_two_hundred_through_the_service(
    start_service: Any,
    tmp_path: Path,
    plug: Any,
    until: Callable[..., None],
    card: VirtualCard,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = [f"Desk {desk}" for desk in range(len(PORTS) // 2)]
    with start_service(several_readers(tmp_path, names, PORTS[::2])):
        until(lambda: len(pcsc.names()) == len(PORTS), "every reader")
        listen_to_plugs(plug, until, card, capsys)


def listen_to_plugs(plug: Any, until: Callable[..., None], card: VirtualCard, capsys: Any) -> None:
    heard: dict[str, list[PlugKind]] = {}
    numbers: list[int] = []
    with watch() as events:

        def take(seconds: float) -> None:
            event = events.next(seconds)
            if event is not None:
                numbers.append(event.number)
                heard.setdefault(event.slot, []).append(event.kind)

        for _ in range(len(PORTS)):
            take(SECONDS)
        names = sorted(heard)
        assert len(names) == len(PORTS)
        assert all(kinds == [PlugKind.READER_ADDED] for kinds in heard.values())
        plugged: Counter[int] = Counter()

        def work(slot: int) -> None:
            """Plug as fast as the service can notice: it looks at a slot a few times a second."""
            own = pcsc.PcscSlot(names[slot])
            for _ in range(CYCLES):
                plug.insert(card, PORTS[slot])
                until(own.is_present, "insertion")
                plug.remove(PORTS[slot])
                until(lambda: not own.is_present(), "removal")
                plugged[slot] += 2

        threads = [threading.Thread(target=work, args=(slot,)) for slot in range(len(PORTS))]
        for thread in threads:
            thread.start()
        # A listener that is away for most of the time: the counters keep what happens meanwhile.
        pause = threading.Event()
        while any(thread.is_alive() for thread in threads):
            take(0.05)
            pause.wait(0.1)
        while numbers[-1] < len(PORTS) + plugged.total() and len(numbers) < 1000:
            before = len(numbers)
            take(SECONDS)
            assert len(numbers) > before, "events missed"
        assert events.next(0.3) is None
    count = plugged.total()
    with capsys.disabled():
        print(f"\n{count} plug events through pcscd, {count + len(PORTS) - len(numbers)} missed", end=" ")
    assert count == 2 * CYCLES * len(PORTS) == 200
    assert numbers == list(range(1, count + len(PORTS) + 1))
    for name in names:
        assert heard[name] == [PlugKind.READER_ADDED] + [IN, OUT] * CYCLES


def test_the_service_killed_and_started_again(
    start_service: Any,
    plug: Any,
    until: Callable[..., None],
    card: VirtualCard,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the middle of a session: a typed loss, events of it, and a reader that comes back by itself."""

    challenge = bytes.fromhex("0084000008")
    with start_service() as process:
        plug.insert(card)
        reader = pcsc.open("00 00")
        until(reader.is_present, "card")
        connection = reader.connect()
        assert len(connection.transmit(challenge)) == 10
        monitor = Monitor(PcscSource([reader.name]))
        assert [monitor.next(SECONDS), monitor.next(SECONDS)][1].kind is IN  # type: ignore[union-attr]
        process.kill()
        process.wait()
        with pytest.raises(LostConnection) as lost:
            connection.transmit(challenge)
        assert isinstance(lost.value, CardLost)
        assert lost.value.service_code is not None
        with pytest.raises(CardLost):
            connection.transmit(challenge)
        with pytest.raises(ServiceLost):
            pcsc.open("00 00")
        with pytest.raises((ServiceLost, ReaderError)):
            reader.is_present()
        with pytest.raises(ServiceLost):
            reader.reconnect(0.1)
        plug.remove_all()
        gone = [event.kind for _ in range(3) if (event := monitor.next(SECONDS)) is not None]
        assert gone == [OUT, PlugKind.READER_LOST, PlugKind.SERVICE_LOST]
        assert monitor.next(0.1) is None
    with start_service():
        begun = time.monotonic()
        plug.insert(card)
        connection = reader.reconnect(SECONDS)
        took = time.monotonic() - begun
        assert len(connection.transmit(challenge)) == 10
        back = [event.kind for _ in range(3) if (event := monitor.next(SECONDS)) is not None]
        assert back == [PlugKind.SERVICE_BACK, PlugKind.READER_ADDED, IN]
        reader.close()
        monitor.close()
        monitor.release()
    with capsys.disabled():
        print(f"\nsession again {took:.2f} s after pcscd was started anew and the card put in", end=" ")


def test_pulled_in_the_middle_of_a_command(
    start_service: Any, plug: Any, until: Callable[..., None], card: VirtualCard
) -> None:
    """The command ends with a typed loss, not with an answer and not never. vpcd does not take a card again after
    this, hence a service of its own."""
    reached, go_on = threading.Event(), threading.Event()

    class Slow:
        atr = card.atr

        def reset(self) -> bytes:
            return self.atr

        def transmit(self, command: bytes) -> bytes:
            reached.set()
            go_on.wait(SECONDS)
            return b"\x90\x00"

    errors: list[CardLost] = []
    with start_service():
        plug.insert(Slow())
        reader = pcsc.open("00 00")
        until(reader.is_present, "card")
        connection = reader.connect()

        def ask() -> None:
            try:
                connection.transmit(bytes.fromhex("0084000008"))
            except CardLost as error:
                errors.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        assert reached.wait(SECONDS)
        with pytest.raises(Busy):
            connection.transmit(bytes.fromhex("0084000008"))
        plug.cut()
        thread.join(SECONDS)
        go_on.set()
        assert len(errors) == 1
        assert connection.is_lost
        reader.close()
