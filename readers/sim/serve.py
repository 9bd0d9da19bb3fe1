"""Virtual devices shown to a real PC/SC service until somebody says stop: each sits in a slot of vpcd."""

import socket
import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from apdu.errors import CardLost
from readers.sim import vpcd
from readers.sim.reader import Device

_RETRY_SECONDS = 0.2
_FIRST_SECONDS = 15


class Showing:
    """Devices in the slots of vpcd, each in a thread of its own.

    A service that drops the line (restarted, or the slot was powered off for good) finds the device back as soon as it
    listens again.

    Args:
        devices: by TCP port of the slot, e.g. ``{vpcd.CARD_PORT: card, vpcd.PSAM_PORT: psam}``.
        host: where vpcd listens.
        told: called with the port and the news, ``"in"`` or ``"out"``, from the device's own thread.

    Attributes:
        commands: answered so far, of lines that have ended.
    """

    def __init__(
        self,
        devices: Mapping[int, Device],
        host: str = "127.0.0.1",
        *,
        told: Callable[[int, str], None] = lambda _port, _news: None,
    ) -> None:
        self._devices, self._host, self._told = devices, host, told
        self._stop = threading.Event()
        self._lines: dict[int, socket.socket] = {}
        self._threads: list[threading.Thread] = []
        self._first: SimpleQueue[CardLost | None] = SimpleQueue()
        self._lock = threading.Lock()
        self.commands = 0

    def __enter__(self) -> Self:
        """Put all devices in.

        Raises:
            CardLost: vpcd does not listen at one of the ports.
        """
        for port, device in self._devices.items():
            thread = threading.Thread(target=self._show, args=(port, device), daemon=True)
            self._threads.append(thread)
            thread.start()
        for _ in self._devices:
            lost = self._first.get(timeout=_FIRST_SECONDS)
            if lost is not None:
                self.__exit__(None, None, None)
                raise lost
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for line in list(self._lines.values()):
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:  # the service closed it first
                continue
        for thread in self._threads:
            thread.join(5)

    def wait(self, seconds: float | None = None) -> None:
        """Wait until :meth:`stop`, or so long."""
        self._stop.wait(seconds)

    def stop(self) -> None:
        """End :meth:`wait`; from any thread or a signal handler."""
        self._stop.set()

    def _show(self, port: int, device: Device) -> None:
        waiting = True

        def connected(line: socket.socket) -> None:
            nonlocal waiting
            self._lines[port] = line
            if waiting:
                self._first.put(None)
                waiting = False
            self._told(port, "in")

        while not self._stop.is_set():
            try:
                count = vpcd.serve(device, self._host, port, connected=connected)
                with self._lock:
                    self.commands += count
                self._told(port, "out")
            except CardLost as lost:
                if waiting:
                    self._first.put(lost)
                    return
            self._stop.wait(_RETRY_SECONDS)  # the service may come back
