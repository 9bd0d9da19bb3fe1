"""The vpcd protocol against a stand-in for the service: frames cut anywhere, controls, a closed line."""

import socket
import threading
from collections.abc import Iterator

import pytest

from apdu.errors import CardLost
from readers.sim import vpcd
from readers.sim.card import VirtualCard


@pytest.fixture
def service() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


def frame(payload: bytes) -> bytes:
    return len(payload).to_bytes(2, "big") + payload


def receive(line: socket.socket) -> bytes:
    file = line.makefile("rb")
    return file.read(int.from_bytes(file.read(2), "big"))


def test_frames_controls_and_end(service: socket.socket, card: VirtualCard) -> None:
    answered: list[int] = []
    port = service.getsockname()[1]
    thread = threading.Thread(target=lambda: answered.append(vpcd.serve(card, port=port)))
    thread.start()
    line, _ = service.accept()
    with line:
        line.settimeout(10)
        line.sendall(frame(b"\x01") + frame(b"\x04"))  # power on, which has no answer; ATR
        assert receive(line) == card.atr
        for byte in frame(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")):
            line.sendall(bytes((byte,)))  # one byte at a time
        assert receive(line)[-2:] == b"\x90\x00"
        line.sendall(frame(bytes.fromhex("00B2032C06")))
        assert receive(line).hex() == "0304322e30309000"
        line.sendall(frame(b"\x02") + frame(bytes.fromhex("00B2032C06")))  # reset leaves the SSSE
        assert receive(line).hex() == "6a82"
        line.sendall(frame(b"\x00"))
        line.sendall(b"\x00")  # half a length, then the line closes
    thread.join(10)
    assert answered == [3]


def test_nobody_listens(card: VirtualCard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(CardLost, match="vpcd does not answer"):
        vpcd.serve(card, port=port)
