"""T=0 and T=1 as ISO/IEC 7816-3 and -4 have them: a reader that takes TPDUs, one that takes APDUs, the real service."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu import CommandAPDU, GetResponseChannel, LimitExceeded, t0_command
from apdu.instructions import internal_authenticate, select_aid
from readers.device import CardProtocol
from readers.plain import PlainReader
from readers.sim.reader import VirtualReader, is_tpdu
from sbcard_core.card.profile import Profile
from sbcard_core.card.profiles.v1 import V1
from sbcard_core.card.profiles.v2 import V2
from sbcard_core.card.profiles.v3 import V3
from tests.card.generations import NAME, make_card, make_psam, open_session

T0, T1 = CardProtocol.T0, CardProtocol.T1


class Wire:
    """A device that keeps what reached it."""

    def __init__(self, device: Any) -> None:
        self.device, self.atr, self.seen = device, device.atr, []

    def reset(self) -> bytes:
        return bytes(self.device.reset())

    def transmit(self, command: bytes) -> bytes:
        self.seen.append(bytes(command))
        return bytes(self.device.transmit(command))


def connect(device: Any, protocol: CardProtocol) -> tuple[Any, Wire]:
    wire = Wire(device)
    return PlainReader(VirtualReader(protocol.value, wire, protocol)).connect(), wire


@pytest.mark.parametrize("protocol", [T0, T1])
@pytest.mark.parametrize("profile", [V1, V2, V3], ids=lambda profile: profile.name)
def test_a_card_is_read_and_proved_over_both(profile: Profile, protocol: CardProtocol) -> None:
    card, seen = connect(make_card(profile, get_response=protocol is T0), protocol)
    psam, psam_seen = connect(make_psam(get_response=protocol is T0), protocol)
    session = open_session(card, psam=psam)
    basic = session.read_authenticated(None)
    assert (basic.name, dict(basic.unread)) == (NAME, {})
    session.verify_pin("123456")
    assert session.pin_tries() is None or session.pin_tries() == 3
    if protocol is T0:
        assert all(is_tpdu(command) for command in [*seen.seen, *psam_seen.seen])
    else:
        assert all(CommandAPDU.decode(command).ins != 0xC0 for command in [*seen.seen, *psam_seen.seen])
        assert CommandAPDU.decode(seen.seen[0]).ne == 256


@pytest.mark.parametrize("protocol", [T0, T1])
@pytest.mark.parametrize("algorithm", [0, 1, 2])
def test_the_algorithm_is_found_over_both(protocol: CardProtocol, algorithm: int) -> None:
    card, _ = connect(make_card(V3, algorithm=algorithm, get_response=protocol is T0), protocol)
    assert open_session(card).detect().algorithm == algorithm + 1


def test_case_4_goes_out_without_le_over_t0_and_its_data_are_fetched() -> None:
    card, wire = connect(make_card(get_response=True), T0)
    channel = GetResponseChannel(card)
    assert len(channel.transmit(select_aid(bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF"), ne=256).encode())) > 2
    command = internal_authenticate(bytes(8), bytes(8)).encode()
    assert len(channel.transmit(command)) == 8 + 2
    assert wire.seen[-2:] == [command[:-1], bytes.fromhex("00C0000008")]
    direct = VirtualReader("t0", make_card(get_response=True), T0).connect()
    assert direct.transmit(command) == b"\x6e\x00"  # what a card does that is sent Le behind the data


headers = st.binary(min_size=4, max_size=4)


@given(headers, st.just(b"") | st.binary(max_size=255), st.integers(0, 300) | st.integers(0, 65536), st.booleans())
def test_every_command_has_one_tpdu(header: bytes, data: bytes, ne: int, extended: bool) -> None:
    made = t0_command(CommandAPDU(*header, data, ne, extended).encode())
    assert is_tpdu(made)
    assert made[:4] == header
    assert made[5:] == data
    assert made[4] == (len(data) if data else ne if 0 < ne < 256 else 0)


@given(headers, st.integers(256, 700))
def test_what_t0_cannot_carry_is_refused_before_it_is_sent(header: bytes, size: int) -> None:
    card, wire = connect(make_card(get_response=True), T0)
    with pytest.raises(LimitExceeded, match="T=0"):
        card.transmit(CommandAPDU(*header, bytes(size)).encode())
    assert wire.seen == []


@pytest.fixture
def through_service(start_service: Any, plug: Any, until: Callable[..., None]) -> Iterator[Callable[[Any], Any]]:
    from readers import drivers

    with start_service():
        opened: list[Any] = []

        def put(device: Any) -> Any:
            plug.insert(device)
            reader = drivers.open("pcsc:00 00")
            until(reader.is_present, "card")
            opened.append(reader)
            return reader.connect()

        yield put
        for reader in opened:
            reader.close()
        plug.remove_all()


class Script:
    """Answers 9000 to everything; its ATR names the protocol."""

    def __init__(self, atr: str) -> None:
        self.atr, self.seen = bytes.fromhex(atr), []

    def reset(self) -> bytes:
        return self.atr

    def transmit(self, command: bytes) -> bytes:
        self.seen.append(bytes(command))
        return b"\x90\x00"


@pytest.mark.parametrize(("atr", "with_le"), [("3B6D000000900000008660140700000001", False), ("3B800181", True)])
def test_the_real_service_is_given_what_the_protocol_wants(
    through_service: Callable[[Any], Any], atr: str, with_le: bool
) -> None:
    device = Script(atr)
    connection = through_service(device)
    command = bytes.fromhex("80FA000008") + bytes(8) + b"\x08"
    assert connection.transmit(command) == b"\x90\x00"
    assert device.seen[-1] == (command if with_le else command[:-1])
