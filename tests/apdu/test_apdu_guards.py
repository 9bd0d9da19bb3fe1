"""Limits, owners, asyncio: wrappers that keep a channel within its bounds, alone and together."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu import (
    APDUError,
    AsyncCardChannel,
    CardChannel,
    CardLost,
    ChainingChannel,
    ChannelInUse,
    CommandAPDU,
    ExactLengthChannel,
    GetResponseChannel,
    LimitChannel,
    LimitExceeded,
    OwnedChannel,
    RecordingChannel,
    ReplayChannel,
    TraceChannel,
    trace,
)
from apdu.aio import exchange, to_async
from sbcard_core.errors import InvalidValue


class Card:
    def __init__(self, run: Callable[[bytes], bytes]) -> None:
        self.run = run
        self.sent: list[bytes] = []

    def transmit(self, command: bytes) -> bytes:
        self.sent.append(command)
        return self.run(command)


def ok(_: bytes) -> bytes:
    return b"\x90\x00"


def test_a_too_long_command_is_not_sent() -> None:
    card = Card(ok)
    channel = LimitChannel(card, max_command=20)
    for wrong in (b"", bytes(3), bytes(21)):
        with pytest.raises(LimitExceeded):
            channel.transmit(wrong)
    assert card.sent == []
    assert channel.transmit(bytes(20)) == b"\x90\x00"


@pytest.mark.parametrize(("size", "error"), [(0, CardLost), (1, CardLost), (259, LimitExceeded)])
def test_answers_out_of_bounds(size: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        LimitChannel(Card(lambda _: bytes(size))).transmit(bytes(4))


def test_collected_data_have_a_ceiling() -> None:
    with pytest.raises(LimitExceeded):
        GetResponseChannel(Card(lambda _: bytes(200) + b"\x61\x00"), most=1000).transmit(bytes(4))


def test_get_response_stays_on_the_channel() -> None:
    for cla, expected in ((0x01, "01"), (0x43, "43"), (0x84, "00"), (0xBF, "00"), (0x0C, "00")):
        card = Card(lambda command: b"\x90\x00" if command[1] == 0xC0 else b"\x61\x02")
        GetResponseChannel(card).transmit(bytes((cla, 0xA4, 0, 0)))
        assert card.sent[1].hex() == expected + "c0000002"


def test_exact_length_repeats_once_only() -> None:
    card = Card(lambda command: b"\x6c\x04" if command[-1] == 0 else b"1234\x90\x00")
    assert ExactLengthChannel(card).transmit(bytes.fromhex("00B2010400")) == b"1234\x90\x00"
    assert card.sent[1].hex() == "00b2010404"
    stubborn = Card(lambda _: b"\x6c\x04")
    assert ExactLengthChannel(stubborn).transmit(bytes.fromhex("00B2010400")) == b"\x6c\x04"
    assert len(stubborn.sent) == 2
    assert ExactLengthChannel(Card(lambda _: b"\x61\x04")).transmit(bytes(4)) == b"\x61\x04"


def test_two_threads_at_once() -> None:
    inside, leave = threading.Event(), threading.Event()

    def slow(_: bytes) -> bytes:
        inside.set()
        leave.wait(60)
        return b"\x90\x00"

    channel = OwnedChannel(Card(slow))
    first = threading.Thread(target=channel.transmit, args=(bytes(4),))
    first.start()
    assert inside.wait(60)
    with pytest.raises(ChannelInUse):
        channel.transmit(bytes(4))
    leave.set()
    first.join()
    assert channel.transmit(bytes(4)) == b"\x90\x00"


def test_an_owner_keeps_others_out_between_its_commands() -> None:
    channel = OwnedChannel(Card(ok))
    seen: list[Exception] = []

    def other() -> None:
        try:
            channel.transmit(bytes(4))
        except ChannelInUse as error:
            seen.append(error)

    with channel.owned():
        channel.transmit(bytes(4))
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        with pytest.raises(ChannelInUse), channel.owned():
            pass
        channel.transmit(bytes(4))
    assert len(seen) == 1
    other()
    assert len(seen) == 1


def test_a_card_that_calls_back_does_not_get_in_again() -> None:
    card = Card(ok)
    channel = OwnedChannel(card)
    card.run = channel.transmit
    with pytest.raises(ChannelInUse):
        channel.transmit(bytes(4))
    card.run = ok
    assert channel.transmit(bytes(4)) == b"\x90\x00"


def test_asyncio_runs_every_command_in_one_thread_in_order() -> None:
    threads: set[int] = set()

    def run(command: bytes) -> bytes:
        threads.add(threading.get_ident())
        return command[3:4] + b"\x90\x00"

    async def main() -> list[bytes]:
        async with to_async(Card(run)) as channel:
            assert isinstance(channel, AsyncCardChannel)
            answers = await asyncio.gather(*(channel.transmit(bytes((0, 0x84, 0, i))) for i in range(20)))
            assert (await exchange(channel, CommandAPDU(0, 0x84, 0, 9))).data == b"\x09"
        with pytest.raises(ChannelInUse):
            await channel.transmit(bytes(4))
        return answers

    assert asyncio.run(main()) == [bytes((i,)) + b"\x90\x00" for i in range(20)]
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_asyncio_passes_errors_and_survives_a_cancelled_command() -> None:
    leave = threading.Event()

    def run(command: bytes) -> bytes:
        if command[1] == 0x20:
            leave.wait(60)
        if command[1] == 0x88:
            raise CardLost("pulled", step="test")
        return b"\x90\x00"

    async def main() -> None:
        card = Card(run)
        async with to_async(card) as channel:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(channel.transmit(bytes((0, 0x20, 0, 0))), 0.02)
            leave.set()
            assert await channel.transmit(bytes((0, 0x84, 0, 0))) == b"\x90\x00"
            assert len(card.sent) == 2
            with pytest.raises(CardLost):
                await channel.transmit(bytes((0, 0x88, 0, 0)))

    asyncio.run(main())


def test_all_wrappers_compose() -> None:
    def run(command: bytes) -> bytes:
        decoded = CommandAPDU.decode(command)
        if decoded.ins == 0xC0:
            return b"data"[: decoded.ne] + b"\x90\x00"
        return b"\x90\x00" if decoded.cla & 0x10 else b"\x61\x04"

    lines: list[str] = []
    seen: list[str] = []
    recorder = RecordingChannel(LimitChannel(Card(run)), lines.append)
    inner: CardChannel = TraceChannel(OwnedChannel(recorder), seen.append)
    channel = ChainingChannel(GetResponseChannel(ExactLengthChannel(inner)))
    command = CommandAPDU(0, 0xD6, 0, 0, bytes(300), ne=4).encode()
    assert channel.transmit(command) == b"data\x90\x00"
    assert len(seen) == 6
    replayed = ReplayChannel(trace.parse(lines))
    assert ChainingChannel(GetResponseChannel(replayed)).transmit(command) == b"data\x90\x00"
    replayed.finish()


@given(st.binary(max_size=300), st.lists(st.binary(max_size=20), min_size=1, max_size=5))
def test_fuzzed_commands_and_answers_end_in_typed_errors(command: bytes, answers: list[bytes]) -> None:
    for wrap in (GetResponseChannel, ExactLengthChannel, LimitChannel, OwnedChannel, ChainingChannel):
        queue = list(answers)
        card = Card(lambda _, queue=queue: queue.pop(0) if len(queue) > 1 else queue[0])  # type: ignore[misc]
        try:
            answer = wrap(card).transmit(command)
        except (APDUError, InvalidValue):
            continue
        assert any(answer.endswith(one) for one in answers)  # what the card said last, behind what it said before
