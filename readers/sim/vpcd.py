"""Put a virtual card into a real PC/SC service through vsmartcard's vpcd.

vpcd opens two slots: the first listens on TCP 35963, the second on the next port: card and PSAM need no
configuration. A frame is a 2-byte big-endian length and the payload; a payload of one byte is a control.
"""

import socket
import struct
from collections.abc import Callable

from apdu.errors import CardLost
from readers.sim.reader import Device
from sbcard_core.messages import message

CARD_PORT = 35963
PSAM_PORT = 35964

_OFF, _ON, _RESET, _ATR = 0, 1, 2, 4


def serve(
    card: Device,
    host: str = "127.0.0.1",
    port: int = CARD_PORT,
    *,
    connected: Callable[[socket.socket], None] | None = None,
) -> int:
    """Be the card until the service closes the line; returns the number of commands answered.

    Args:
        card: the virtual card or PSAM.
        host, port: where vpcd listens.
        connected: called once with the open socket, so that the caller can close it from outside.

    Raises:
        CardLost: vpcd does not listen there.
    """
    try:
        line = socket.create_connection((host, port), timeout=10)
    except OSError as error:
        raise CardLost(message("readers.sim.vpcd"), step="vpcd.serve", term="虚拟读卡器") from error
    with line:
        line.settimeout(None)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if connected is not None:
            connected(line)
        return _answer_all(line, card)


def _answer_all(line: socket.socket, card: Device) -> int:
    count = 0
    while True:
        frame = _receive_frame(line)
        if frame is None:
            return count
        if len(frame) == 1:
            if frame[0] in (_ON, _RESET):
                card.reset()
            if frame[0] != _ATR:
                continue
            answer = card.atr
        else:
            answer = card.transmit(frame)
            count += 1
        try:
            line.sendall(struct.pack(">H", len(answer)) + answer)
        except OSError:
            return count


def _receive_frame(line: socket.socket) -> bytes | None:
    head = _receive(line, 2)
    return None if head is None else _receive(line, int.from_bytes(head, "big"))


def _receive(line: socket.socket, size: int) -> bytes | None:
    """Exactly ``size`` bytes, or None when the service has closed the line."""
    out = b""
    while len(out) < size:
        # vpcd writes length and payload apart without TCP_NODELAY: unless each receive acknowledges at once,
        # delayed acknowledgement costs ~50 ms a command. The option is not sticky, so it is set every time.
        quick_ack = getattr(socket, "TCP_QUICKACK", None)
        try:
            if quick_ack is not None:
                line.setsockopt(socket.IPPROTO_TCP, quick_ack, 1)
            piece = line.recv(size - len(out))
        except OSError:
            return None
        if not piece:
            return None
        out += piece
    return out
