"""The outer skin of a virtual device: decode, run, answer; T=0 manners when asked for."""

from abc import ABC, abstractmethod

from apdu.command import CommandAPDU
from readers.sim.refusal import Refusal
from sbcard_core.errors import InvalidValue


class DeviceShell(ABC):
    """Turns command bytes into answers; subclasses give ``_run``.

    Args:
        get_response: answer as T=0 cards do: 61xx after a case-3 or case-4 command with data behind it,
            6Cxx where Le of a case-2 command is not the exact length.
    """

    atr: bytes = b""

    def __init__(self, *, get_response: bool) -> None:
        self._get_response = get_response
        self._waiting = b""

    def transmit(self, command: bytes) -> bytes:
        """Run one command; always at least two bytes, never an exception."""
        try:
            decoded = CommandAPDU.decode(command)
        except InvalidValue:
            return b"\x67\x00"
        try:
            if decoded.ins == 0xC0 and decoded.cla == 0x00:
                return self._fetch(decoded)
            self._waiting = b""
            answer = self._run(decoded)
        except Refusal as refusal:
            return refusal.sw.to_bytes(2, "big")
        if self._get_response and answer:
            return self._hold(decoded, answer)
        return answer + b"\x90\x00"

    @abstractmethod
    def _run(self, command: CommandAPDU) -> bytes:
        """Run a decoded command: data, or :class:`Refusal`."""

    def _forget_answer(self) -> None:
        self._waiting = b""

    def _hold(self, command: CommandAPDU, answer: bytes) -> bytes:
        if command.nc:
            self._waiting = answer
            return bytes((0x61, len(answer) & 0xFF))
        if command.ne != len(answer):
            return bytes((0x6C, len(answer) & 0xFF))
        return answer + b"\x90\x00"

    def _fetch(self, command: CommandAPDU) -> bytes:
        if not self._waiting:
            raise Refusal(0x6985)
        if command.ne > len(self._waiting):
            return bytes((0x6C, len(self._waiting) & 0xFF))
        answer, self._waiting = self._waiting[: command.ne], self._waiting[command.ne :]
        if self._waiting:
            return answer + bytes((0x61, len(self._waiting) & 0xFF))
        return answer + b"\x90\x00"
