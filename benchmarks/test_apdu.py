"""Command APDUs: one and many, beside what other Python card programs do.

Peers in the same run, each compared with ours first:
    struct.pack      header and Lc packed, data appended: what a careful programmer writes inline
    list of int      pyscard style: a command is a list of integers, ``bytes`` of it goes to the reader
    pyscard toBytes  hex text made into pyscard's list (no encoding: only the conversion it asks for)
    hex text         pySim style: a command is built and sent as hex text

``python -m benchmarks.test_apdu`` prints the ratios against the goals: cases take turns (A B A B …), each ratio is of
the medians of one round, the table shows the median of the rounds and their range.
"""

import statistics
import struct
import time
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import apdu
from apdu import CommandAPDU, ResponseAPDU

DATA = bytes(range(16))
INTS = list(DATA)
ANSWER = DATA + b"\x90\x00"
HEX = f"00D68100{len(DATA):02X}{DATA.hex().upper()}"
SIZES = (8, 16, 64, 200)
COUNT = 100_000
LOOP = 5_000
"""Commands of a Python loop; the batch does COUNT."""


def struct_pack() -> bytes:
    return struct.pack("5B", 0x00, 0xD6, 0x81, 0x00, len(DATA)) + DATA


def list_of_int() -> bytes:
    return bytes([0x00, 0xD6, 0x81, 0x00, len(INTS), *INTS])


def hex_text() -> bytes:
    return bytes.fromhex("00D68100" + f"{len(DATA):02x}" + DATA.hex())


def pyscard() -> Callable[[], bytes] | None:
    try:
        from smartcard.util import toBytes  # noqa: PLC0415 - an optional peer
    except ImportError:
        return None
    return lambda: bytes(toBytes(HEX))


def ours() -> bytes:
    return apdu.encode(0x00, 0xD6, 0x81, 0x00, DATA)


def value() -> bytes:
    return CommandAPDU(0x00, 0xD6, 0x81, 0x00, DATA).encode()


def inline_slicing() -> tuple[bytes, int]:
    return ANSWER[:-2], (ANSWER[-2] << 8) | ANSWER[-1]


def singles() -> dict[str, Callable[[], bytes]]:
    """Every way to build the same command, checked to give the same bytes."""
    found: dict[str, Callable[[], bytes]] = {
        "apdu.encode": ours,
        "CommandAPDU(...).encode()": value,
        "struct.pack": struct_pack,
        "list of int": list_of_int,
        "hex text": hex_text,
    }
    if (peer := pyscard()) is not None:
        found["pyscard toBytes"] = peer
    assert {call() for call in found.values()} == {bytes.fromhex(HEX)}
    return found


class Batch:
    """One batch and the same work in loops, all results compared."""

    def __init__(self, size: int, count: int = COUNT) -> None:
        self.size, self.count = size, count
        self.data = np.random.default_rng(size).integers(0, 256, count * size, dtype=np.uint8).tobytes()
        self.headers = bytes((0x00, 0xD6, 0x81, 0x00)) * count
        self.offsets = array("q", range(0, count * size + 1, size))
        self.uneven = array("q", self.offsets)
        for place in range(1, count, 2):
            self.uneven[place] += place % 3 - 1
        self.out = bytearray(count * (size + 5))
        expected = b"".join(self.loop())
        few = LOOP * (size + 5)
        assert b"".join(self.packed()) == expected == bytes(self.fixed().buffer[:few])
        assert self.by_offsets().buffer == self.fixed().buffer == bytes(self.again().buffer)

    def fixed(self) -> apdu.batch.Commands:
        return apdu.encode_many(self.headers, self.data, length=self.size)

    def by_offsets(self) -> apdu.batch.Commands:
        return apdu.encode_many(self.headers, self.data, self.offsets)

    def mixed(self) -> apdu.batch.Commands:
        return apdu.encode_many(self.headers, self.data, self.uneven)

    def again(self) -> apdu.batch.Commands:
        return apdu.encode_many(self.headers, self.data, length=self.size, out=self.out)

    def loop(self) -> list[bytes]:
        encode, data, size = apdu.encode, self.data, self.size
        return [encode(0, 0xD6, 0x81, 0, data[at : at + size]) for at in range(0, LOOP * size, size)]

    def packed(self) -> list[bytes]:
        pack, data, size = struct.pack, self.data, self.size
        return [pack("5B", 0, 0xD6, 0x81, 0, size) + data[at : at + size] for at in range(0, LOOP * size, size)]

    def copy(self) -> bytearray:
        return bytearray(self.out)


@pytest.mark.parametrize("who", singles())
def test_one_command(benchmark: Any, who: str) -> None:
    benchmark.group = "build one command, 16 bytes of data"
    assert benchmark(singles()[who]) == bytes.fromhex(HEX)


@pytest.mark.parametrize("who", ["decode_response", "ResponseAPDU.decode", "inline slicing"])
def test_one_answer(benchmark: Any, who: str) -> None:
    calls: dict[str, Callable[[], Any]] = {
        "decode_response": lambda: apdu.decode_response(ANSWER),
        "ResponseAPDU.decode": lambda: ResponseAPDU.decode(ANSWER),
        "inline slicing": inline_slicing,
    }
    assert apdu.decode_response(ANSWER) == inline_slicing()
    benchmark.group = "take one answer apart"
    benchmark(calls[who])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("who", ["fixed", "by_offsets", "mixed", "again", "loop", "packed"])
def test_many_commands(benchmark: Any, who: str, size: int) -> None:
    batch = Batch(size)
    benchmark.group = f"build commands of {size} bytes: batches of {COUNT:,}, loops of {LOOP:,}"
    benchmark.extra_info["commands"] = LOOP if who in ("loop", "packed") else COUNT
    benchmark.pedantic(getattr(batch, who), rounds=5, warmup_rounds=1)


def _time(call: Callable[[], Any], repeat: int) -> float:
    start = time.process_time_ns()
    for _ in range(repeat):
        call()
    return (time.process_time_ns() - start) / repeat


def _round(calls: dict[str, tuple[Callable[[], Any], int, int]]) -> dict[str, float]:
    """Nanoseconds an item, cases in turn, the median of seven turns."""
    seen: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(7):
        for name, (call, repeat, items) in calls.items():
            seen[name].append(_time(call, repeat) / items)
    return {name: statistics.median(times) for name, times in seen.items()}


def _show(title: str, calls: dict[str, tuple[Callable[[], Any], int, int]], base: str, rounds: int = 7) -> None:
    results = [_round(calls) for _ in range(rounds)]
    print(title)
    for name in calls:
        ratios = [result[name] / result[base] for result in results]
        ns = statistics.median(result[name] for result in results)
        spread = f"{statistics.median(ratios):6.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        print(f"  {name:28s} {ns:9.2f} ns  x {spread}")


def _inlined(source: str) -> Callable[[], None]:
    """A loop of 1000 with the statement written into it: no call around what is called inline."""
    names = {"encode": apdu.encode, "decode": apdu.decode_response, "pack": struct.pack, "data": DATA, "ints": INTS}
    names |= {"answer": ANSWER, "command": CommandAPDU, "response": ResponseAPDU.decode, "hexed": bytes.fromhex}
    head = "".join(f", {name}={name}" for name in names)[2:]
    scope: dict[str, Any] = dict(names)
    exec(f"def run({head}):\n for _ in range(1000):\n  {source}", scope)
    run: Callable[[], None] = scope["run"]
    return run


def main() -> None:
    """Print the ratios."""
    singles()
    build = {
        "apdu.encode": "encode(0, 0xD6, 0x81, 0, data, 0)",
        "CommandAPDU(...).encode()": "command(0, 0xD6, 0x81, 0, data).encode()",
        "struct.pack (goal 2)": "pack('5B', 0, 0xD6, 0x81, 0, len(data)) + data",
        "list of int": "bytes([0, 0xD6, 0x81, 0, len(ints), *ints])",
        "hex text": "hexed('00D68100' + f'{len(data):02x}' + data.hex())",
    }
    cases = {name: (_inlined(source), 10, 1000) for name, source in build.items()}
    if (peer := pyscard()) is not None:
        cases["pyscard toBytes"] = (lambda: [peer() for _ in range(1000)] and None, 10, 1000)
    _show("one command, 16 bytes", cases, "apdu.encode")
    split = {
        "apdu.decode_response": "decode(answer)",
        "inline slicing (goal 1.7)": "answer[:-2], (answer[-2] << 8) | answer[-1]",
        "ResponseAPDU.decode": "response(answer)",
    }
    _show("one answer", {k: (_inlined(v), 10, 1000) for k, v in split.items()}, "apdu.decode_response")
    for size in SIZES:
        batch = Batch(size)
        goal = {16: " (goal 50)", 200: " (goal 8)"}.get(size, "")
        many: dict[str, tuple[Callable[[], Any], int, int]] = {
            "encode_many, offsets": (batch.by_offsets, 3, COUNT),
            "encode_many, lengths +-1": (batch.mixed, 3, COUNT),
            "encode_many, fixed length": (batch.fixed, 3, COUNT),
            "encode_many, fixed, out=": (batch.again, 3, COUNT),
            f"loop of encode{goal}": (batch.loop, 1, LOOP),
            "loop of struct.pack": (batch.packed, 1, LOOP),
            "copy of the bytes": (batch.copy, 3, COUNT),
        }
        _show(f"{COUNT:,} commands of {size} bytes, to the batch with offsets", many, "encode_many, offsets", 5)
    answers = ANSWER * COUNT
    places = array("q", range(0, len(answers) + 1, len(ANSWER)))
    wires = [ANSWER] * LOOP
    decode: dict[str, tuple[Callable[[], Any], int, int]] = {
        "decode_many": (lambda: apdu.decode_many(answers, places), 3, COUNT),
        "loop of decode_response": (lambda: [apdu.decode_response(wire) for wire in wires], 1, LOOP),
    }
    _show(f"{COUNT:,} answers", decode, "decode_many", 5)


if __name__ == "__main__":
    main()
