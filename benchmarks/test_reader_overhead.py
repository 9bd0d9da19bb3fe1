"""What our PC/SC driver costs over a bare loop of ``smartcard.scard.SCardTransmit``, on a virtual card behind vpcd.

Needs pcscd with vpcd and nothing in its first slot; starts the service where none runs. Both loops send the same
command through the same card handle, so that nothing but our code lies between them, in short blocks in turn
(A B B A …); the ratio is the median over the pairs of neighbouring blocks.

    .venv/bin/python -m benchmarks.test_reader_overhead
"""

import shutil
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from apdu.errors import CardLost
from readers import pcsc
from readers.sim import vpcd

COMMAND = bytes.fromhex("00B2010412")
BLOCKS, EXCHANGES = 400, 20
GOAL = 1.10
SOCKET = Path("/run/pcscd/pcscd.comm")


class Echo:
    """A device that costs next to nothing."""

    atr = bytes.fromhex("3B6D000000900000008660140700000001")

    def reset(self) -> bytes:
        return self.atr

    def transmit(self, _: bytes) -> bytes:
        return b"\x01\x10" + bytes(16) + b"\x90\x00"


def _wait(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end, "the virtual card did not appear"
        time.sleep(0.02)


@contextmanager
def service() -> Iterator[None]:
    """The service that runs, or one for this while."""
    if SOCKET.exists():
        yield
        return
    SOCKET.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(["pcscd", "--foreground"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(SOCKET.exists)
        yield
    finally:
        process.terminate()
        process.wait(15)
        for left in SOCKET.parent.glob("pcscd.*"):
            left.unlink()


@contextmanager
def connections() -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """One exchange by the bare binding, and one by our driver."""
    scard = pytest.importorskip("smartcard.scard")

    lines: list[socket.socket] = []

    def serve() -> None:
        while not lines:
            try:
                vpcd.serve(Echo(), connected=lines.append)
            except CardLost:
                time.sleep(0.02)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    _wait(lambda: bool(lines) and bool(pcsc.names()))
    reader = pcsc.open("00 00")
    _wait(reader.is_present)
    ours = reader.connect()
    assert isinstance(ours, pcsc.PcscConnection)
    card, protocol, as_list = ours._card, ours._protocol, list(COMMAND)
    transmit: Any = scard.SCardTransmit

    def bare() -> None:
        code, answer = transmit(card, protocol, as_list)
        if code != 0 or len(answer) != 20:
            raise AssertionError(code)

    def driver() -> None:
        if len(ours.transmit(COMMAND)) != 20:
            raise AssertionError

    try:
        yield bare, driver
    finally:
        reader.close()
        lines[0].shutdown(socket.SHUT_RDWR)
        thread.join(10)


def measure(blocks: int = BLOCKS) -> tuple[float, float, float]:
    """Medians in microseconds an exchange, bare and ours, and the median of the ratios of neighbouring blocks."""
    with service(), connections() as (bare, ours):
        times: dict[Callable[[], None], list[float]] = {bare: [], ours: []}
        for number in range(blocks + 2):
            for one in (bare, ours) if number % 2 else (ours, bare):
                begun = time.perf_counter()
                for _ in range(EXCHANGES):
                    one()
                if number >= 2:  # the first blocks warm up
                    times[one].append((time.perf_counter() - begun) / EXCHANGES * 1e6)
        ratios = [b / a for a, b in zip(times[bare], times[ours], strict=True)]
        return statistics.median(times[bare]), statistics.median(times[ours]), statistics.median(ratios)


def test_overhead_of_the_driver(benchmark: Any) -> None:
    """At most a tenth over the bare loop."""
    if shutil.which("pcscd") is None:
        pytest.skip("pcscd is absent: apt-get install pcscd vsmartcard-vpcd")
    bare, ours, ratio = benchmark.pedantic(measure, rounds=1)
    benchmark.extra_info.update(bare_us=bare, ours_us=ours, ratio=ratio)
    assert ratio <= GOAL


if __name__ == "__main__":
    for _ in range(3):
        bare_us, ours_us, times = measure()
        print(f"SCardTransmit {bare_us:.1f} us, ours {ours_us:.1f} us: {times:.3f} times (goal {GOAL})")
