"""Class bytes, logical channels, chains."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu import ChainingChannel, CommandAPDU, chaining, classbyte
from apdu.classbyte import SecureMessaging
from apdu.errors import ChainingRefused, ClassRefused

classes = st.integers(0, 255)


@given(classes, st.integers(0, 19))
def test_a_channel_set_is_the_channel_got_and_nothing_else_changes(cla: int, channel: int) -> None:
    try:
        made = classbyte.with_channel(cla, channel)
    except ClassRefused:
        return
    assert classbyte.channel_of(made) == channel
    assert classbyte.is_chained(made) == classbyte.is_chained(cla)
    assert classbyte.secure_messaging_of(made) == classbyte.secure_messaging_of(cla)
    assert classbyte.with_channel(made, classbyte.channel_of(cla)) == cla


@given(classes, st.booleans(), st.sampled_from(SecureMessaging))
def test_chaining_and_secure_messaging_set_are_got(cla: int, chained: bool, secure: SecureMessaging) -> None:
    with suppress(ClassRefused):
        assert classbyte.is_chained(classbyte.with_chaining(cla, chained)) is chained
        made = classbyte.with_secure_messaging(cla, secure)
        assert classbyte.secure_messaging_of(made) is secure
        assert classbyte.channel_of(made) == classbyte.channel_of(cla)


@pytest.mark.parametrize("cla", [0x20, 0x3F, 0xA0, 0xB0, 0xBF, 0xFF, 256, -1])
def test_reserved_and_unknown_classes_are_refused(cla: int) -> None:
    for ask in (classbyte.channel_of, classbyte.is_chained, classbyte.secure_messaging_of):
        with pytest.raises(ClassRefused):
            ask(cla)


@pytest.mark.parametrize(("cla", "channel"), [(0x80, 4), (0x0C, 5), (0x04, 19), (0x00, 20), (0x00, -1)])
def test_channels_without_a_form_are_refused(cla: int, channel: int) -> None:
    with pytest.raises(ClassRefused):
        classbyte.with_channel(cla, channel)


@pytest.mark.parametrize("cla", range(256))
def test_get_response_keeps_the_channel_of_known_classes_alone(cla: int) -> None:
    """ISO/IEC 7816-4:2013 tables 2 and 3: channels 0 to 3 in 0x and 1x, 4 to 19 in 4x to 7x."""
    first = cla >> 4
    expected = cla & 3 if first in (0, 1) else 0x40 | cla & 15 if first in (4, 5, 6, 7) else 0
    assert classbyte.get_response_class(cla) == expected


def test_the_further_classes_by_the_tables() -> None:
    assert [classbyte.with_channel(0x00, n) for n in (0, 1, 3, 4, 19)] == [0x00, 0x01, 0x03, 0x40, 0x4F]
    assert classbyte.with_channel(0x08, 4) == 0x60
    assert classbyte.with_chaining(0x60, True) == 0x70
    for close in (0, 20):
        with pytest.raises(ClassRefused):
            classbyte.close_channel(close)
    with pytest.raises(ClassRefused):
        classbyte.open_channel(20)


@given(st.integers(0, 1200), st.integers(1, 255), st.sampled_from([0, 1, 256]), st.sampled_from([0x00, 0x84, 0x41]))
def test_a_chain_joined_is_the_command(nc: int, size: int, ne: int, cla: int) -> None:
    command = CommandAPDU(cla, 0xD6, 1, 2, bytes(i & 0xFF for i in range(nc)), ne)
    parts = chaining.split(command, size)
    assert chaining.join(parts) == command
    assert len(parts) == max(1, -(-nc // size))
    assert all(part.nc <= size or len(parts) == 1 for part in parts)
    assert [classbyte.is_chained(part.cla) for part in parts] == [True] * (len(parts) - 1) + [False]
    assert all(part.ne == 0 for part in parts[:-1])


def test_what_is_no_chain() -> None:
    long = CommandAPDU(0, 0xD6, 0, 0, bytes(20))
    first, second, last = chaining.split(long, 8)
    other = CommandAPDU(0, 0xD6, 0, 1, bytes(2))
    for parts in ([], [first], [first, second], [last, last], [first, other], [first, CommandAPDU(1, 0xD6, 0, 0)]):
        with pytest.raises(ChainingRefused):
            chaining.join(parts)
    for size in (0, 256):
        with pytest.raises(ChainingRefused):
            chaining.split(long, size)
    with pytest.raises(ChainingRefused):
        chaining.split(first, 4)
    with pytest.raises(ChainingRefused):
        chaining.join([CommandAPDU(0x10, 0xD6, 0, 0, bytes(60000)), CommandAPDU(0, 0xD6, 0, 0, bytes(60000))])
    with pytest.raises(ClassRefused):
        chaining.split(CommandAPDU(0xBF, 0xDE, 0, 0, bytes(20)), 8)
    assert chaining.join([CommandAPDU(0xBF, 0xDE, 0, 0, bytes(20))]).nc == 20


class Card:
    """Takes parts as they come."""

    def __init__(self, refuse_at: int = -1) -> None:
        self.parts: list[CommandAPDU] = []
        self.refuse_at = refuse_at

    def transmit(self, command: bytes) -> bytes:
        self.parts.append(CommandAPDU.decode(command))
        return bytes.fromhex("6884" if len(self.parts) - 1 == self.refuse_at else "9000")


def test_long_commands_go_in_parts() -> None:
    card = Card()
    long = CommandAPDU(0, 0xD6, 0, 0, bytes(600), ne=256)
    assert ChainingChannel(card).transmit(long.encode()) == b"\x90\x00"
    assert chaining.join(card.parts) == long
    card = Card()
    ChainingChannel(card, size=16).transmit(CommandAPDU(0, 0xD6, 0, 0, bytes(17)).encode())
    assert [part.nc for part in card.parts] == [16, 1]
    card = Card()
    short = CommandAPDU(0, 0x84, 0, 0, ne=8, extended=True).encode()
    ChainingChannel(card).transmit(short)
    assert card.parts[0].encode() == bytes.fromhex("0084000008")


@given(st.integers(0, 600), st.integers(0, 65536), st.integers(1, 255))
def test_no_part_of_a_chain_has_extended_lengths(nc: int, ne: int, size: int) -> None:
    parts = chaining.split(CommandAPDU(0, 0xD6, 0, 0, bytes(nc), ne), size)
    assert not any(part.extended for part in parts)
    assert [part.ne for part in parts] == [0] * (len(parts) - 1) + [min(ne, 256)]
    assert b"".join(part.data for part in parts) == bytes(nc)
    card = Card()
    ChainingChannel(card, size=size).transmit(CommandAPDU(0, 0xD6, 0, 0, bytes(nc), ne).encode())
    assert [part.encode() for part in card.parts] == [part.encode() for part in parts]


def test_a_refused_part_ends_the_chain() -> None:
    card = Card(refuse_at=0)
    assert ChainingChannel(card).transmit(CommandAPDU(0, 0xD6, 0, 0, bytes(600)).encode()).hex() == "6884"
    assert len(card.parts) == 1
