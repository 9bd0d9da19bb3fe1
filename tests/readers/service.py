"""A real PC/SC service of the tests' own, without systemd, and a hand that puts virtual devices into its readers."""

import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from apdu.errors import CardLost
from readers.sim import vpcd
from readers.sim.reader import Device

PCSCD_SOCKET = Path("/run/pcscd/pcscd.comm")
DRIVER = Path("/etc/reader.conf.d/vpcd")
SECONDS = 60
"""For what always happens: a test that waits so long has hung."""
StartService = Callable[..., AbstractContextManager[subprocess.Popen[bytes]]]


def wait_until(done: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"{what} took longer than {seconds} s"
        time.sleep(0.01)


def free_ports(count: int) -> tuple[int, ...]:
    """Ports in a row nobody listens on, below those that the kernel lends to outgoing lines.

    vpcd's own port lies among the lent ones: whenever some other program's line happens to sit on it, the service
    comes up without its reader.
    """
    for first in range(20000, 30000, count):
        ports = tuple(range(first, first + count))
        if all(map(_is_free, ports)):
            return ports
    raise AssertionError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


CARD_PORT, PSAM_PORT, *DESK_PORTS = free_ports(12)
"""The two slots of the usual reader, and more for tests of several readers."""


def entry(name: str, port: int, library: Path | str) -> str:
    """A reader of vpcd in the service's configuration; it takes the next port too."""
    return f'FRIENDLYNAME "{name}"\nDEVICENAME /dev/null:0x{port:04X}\nLIBPATH {library}\nCHANNELID 0x{port:04X}\n'


def driver_library() -> str:
    """Where the installed driver is."""
    return next(line.split()[1] for line in DRIVER.read_text("utf-8").splitlines() if line.startswith("LIBPATH"))


def several_readers(folder: Path, names: Sequence[str], ports: Sequence[int]) -> str:
    """A configuration of several two-slot readers: vpcd knows one a library, so each has a copy of its own."""
    copies = [shutil.copy(driver_library(), folder / f"vpcd{at}.so") for at in range(len(names))]
    return "\n".join(entry(*one) for one in zip(names, ports, copies, strict=True))


@contextmanager
def run_pcscd(folder: Path, readers: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """The service with these readers, or the usual one.

    Args:
        folder: for its configuration.
        readers: the configuration.
    """
    PCSCD_SOCKET.parent.mkdir(parents=True, exist_ok=True)
    config = folder / "reader.conf"
    config.write_text(readers or entry("Virtual PCD", CARD_PORT, driver_library()), "utf-8")
    command = ["pcscd", "--foreground", "--config", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_until(lambda: PCSCD_SOCKET.exists() and process.poll() is None, "pcscd start")
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)  # a pcscd started too early would see the dying one
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for left in PCSCD_SOCKET.parent.glob("pcscd.*"):
            left.unlink()


class Plug:
    """Puts virtual devices into the readers of vpcd, by port, and pulls them out."""

    def __init__(self) -> None:
        self._lines: dict[int, tuple[list[socket.socket], threading.Event, threading.Thread]] = {}

    def insert(self, device: Device, port: int = CARD_PORT) -> None:
        lines: list[socket.socket] = []
        out = threading.Event()
        thread = threading.Thread(target=self._serve, args=(device, port, lines, out), daemon=True)
        self._lines[port] = lines, out, thread
        thread.start()
        wait_until(lambda: bool(lines), f"vpcd on port {port}")

    def remove(self, port: int = CARD_PORT) -> None:
        self.cut(port)
        self._lines.pop(port)[2].join(SECONDS)

    def cut(self, port: int = CARD_PORT) -> None:
        """Pull out without waiting for the device."""
        lines, out, _ = self._lines[port]
        out.set()
        for line in lines:
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:  # the service closed it first
                continue

    def remove_all(self) -> None:
        for port in list(self._lines):
            self.remove(port)

    @staticmethod
    def _serve(device: Device, port: int, lines: list[socket.socket], out: threading.Event) -> None:
        """A card stays in until it is pulled out, also where the service drops the line."""
        while not out.wait(0.01 if lines else 0):
            try:
                vpcd.serve(device, port=port, connected=lines.append)
            except CardLost:
                out.wait(0.01)
