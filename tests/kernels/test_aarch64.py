"""The portable kernels on another machine: built for aarch64, run by an emulator, and here under the sanitizers."""

import json
import random
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sbcard_core import _kernels

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "sbcard_core/_fast/csrc"
SOURCES = [ROOT / "tests/kernels/c/vectors.c", *sorted(CSRC.glob("*_portable.c"))]
COUNTS = (1, 2, 12, 13, 15, 16, 17, 40, 64, 65, 100)
BUILDS = {
    "aarch64": (["aarch64-linux-gnu-gcc", "-static"], ["qemu-aarch64"]),
    "sanitized": (["cc", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"], []),
}
Question = tuple[str, str]
"""A line for c/vectors.c and what its answer must begin with."""


@pytest.fixture(scope="module", params=BUILDS)
def ask(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    real_part: Callable[[str, bool, str], None],
) -> Callable[[list[Question]], list[str]]:
    """Asks all questions in one run; gives those that were answered wrongly."""
    compiler, runner = BUILDS[request.param]
    tools = [compiler[0], *runner]
    packages = "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user" if runner else "gcc"
    real_part(request.param, all(shutil.which(tool) for tool in tools), f"apt install {packages}")
    program = tmp_path_factory.mktemp("portable") / "vectors"
    build = [*compiler, "-std=c11", "-O0", "-Wall", "-Wextra", "-I", str(CSRC), "-o", str(program)]
    subprocess.run([*build, *map(str, SOURCES)], check=True, capture_output=True)

    def run(questions: list[Question]) -> list[str]:
        text = "".join(line + "\n" for line, _ in questions)
        done = subprocess.run([*runner, str(program)], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        answers = done.stdout.splitlines()
        assert len(answers) == len(questions)
        pairs = zip(questions, answers, strict=True)
        return [line for (line, expected), answer in pairs if not expected or not answer.startswith(expected)]

    return run


def line(kernel: str, call: str, mode: int, key_length: int, *parts: bytes, lengths: list[int]) -> str:
    shown = [part.hex() or "-" for part in parts]
    return " ".join([kernel, call, str(int(mode)), str(key_length), *shown, *map(str, lengths)])


def offsets(lengths: list[int]) -> bytes:
    at = [0]
    for length in lengths:
        at.append(at[-1] + length)
    return struct.pack(f"{len(at)}q", *at)


def sm4_vectors() -> list[Question]:
    questions = []
    for vector in json.loads((ROOT / "tests/vectors/sm4.json").read_text("utf-8"))["vectors"]:
        given, call = vector["input"], {"cbc_mac": "mac"}.get(vector["operation"], vector["operation"])
        if vector["result"] != "valid" or call == "repeat":
            continue
        key, iv, data = (bytes.fromhex(given.get(name, "")) for name in ("key", "iv", "data"))
        text = line("sm4", call, given.get("padding", 0), 16, key, iv, data, lengths=[len(data)])
        questions.append((text, vector["expected"].lower()))
    return questions


def des_vectors() -> list[Question]:
    questions = []
    for vector in json.loads((ROOT / "tests/vectors/des-nist.json").read_text("utf-8"))["vectors"]:
        key, iv, clear, sealed = (
            bytes.fromhex(vector.get(name, "")) for name in ("key", "iv", "plaintext", "ciphertext")
        )
        for decrypt, before, after in ((0, clear, sealed), (1, sealed, clear)):
            text = line("des", vector["operation"], decrypt, len(key), key, iv, before, lengths=[len(before)])
            questions.append((text, after.hex()))
    for vector in json.loads((ROOT / "tests/vectors/des.json").read_text("utf-8"))["vectors"]:
        call = {"cbc_mac": "mac", "retail_mac": "retail"}.get(vector["operation"])
        if vector["result"] == "valid" and call:
            key, iv, data = (bytes.fromhex(vector[name]) for name in ("key", "iv", "data"))
            text = line("des", call, vector["padding"], len(key), key, iv, data, lengths=[len(data)])
            questions.append((text, vector["expected"].lower()))
    return questions


@pytest.mark.parametrize("vectors", [sm4_vectors, des_vectors])
def test_published_vectors(ask: Callable[[list[Question]], list[str]], vectors: Callable[[], list[Question]]) -> None:
    questions = vectors()
    assert len(questions) > 30
    assert ask(questions) == []


def test_sm4_batches_are_those_of_the_twin(ask: Callable[[list[Question]], list[str]]) -> None:
    twin, level = _kernels.choose("sm4", "reference")
    rng, questions = random.Random(5), []
    for count in COUNTS:
        lengths = [rng.choice([0, 1, 16, 40, 48, rng.randrange(200)]) for _ in range(count)]
        whole = [length // 16 * 16 for length in lengths]
        keys, ivs, data = rng.randbytes(16 * count), rng.randbytes(16), rng.randbytes(sum(lengths))
        for padding in (1, 2, 3):
            out = bytearray(16 * count)
            twin.cbc_mac(keys, ivs, data, offsets(lengths), padding, out, level)
            questions.append((line("sm4", "mac", padding, 16, keys, ivs, data, lengths=lengths), out.hex()))
        for decrypt in (False, True):
            blocks = data[: sum(whole)] or bytes(16)
            spans = whole if sum(whole) else [16] + [0] * (count - 1)
            out = bytearray(len(blocks))
            twin.cbc(keys, ivs, blocks, offsets(spans), decrypt, out, level)
            questions.append((line("sm4", "cbc", decrypt, 16, keys, ivs, blocks, lengths=spans), out.hex()))
            out = bytearray(len(keys))
            twin.ecb(keys, keys, decrypt, out, level)
            questions.append((line("sm4", "ecb", decrypt, 16, keys, b"", keys, lengths=[]), out.hex()))
        out = bytearray(16 * count)
        twin.derive(keys, keys[: 8 * count], out, level)
        questions.append((line("sm4", "derive", 0, 16, keys, b"", keys[: 8 * count], lengths=[]), out.hex()))
    assert ask(questions) == []


def test_des_batches_are_those_of_the_twin(ask: Callable[[list[Question]], list[str]]) -> None:
    twin, level = _kernels.choose("des", "reference")
    rng, questions = random.Random(6), []
    for count in COUNTS:
        lengths = [rng.choice([0, 1, 8, 40, 48, rng.randrange(100)]) for _ in range(count)]
        data, factors = rng.randbytes(sum(lengths)), rng.randbytes(8 * count)
        for size in (8, 16, 24):
            keys, out = rng.randbytes(size * count), bytearray(8 * count)
            for retail in (False, True) if size == 16 else (False,):
                call = "retail" if retail else "mac"
                for padding in (1, 2, 3):
                    twin.cbc_mac(keys, size, bytes(8), data, offsets(lengths), padding, retail, out, level)
                    questions.append((line("des", call, padding, size, keys, b"", data, lengths=lengths), out.hex()))
            for decrypt in (False, True):
                twin.ecb(keys, size, factors, decrypt, out, level)
                questions.append((line("des", "ecb", decrypt, size, keys, b"", factors, lengths=[]), out.hex()))
        master = rng.randbytes(16)
        out = bytearray(16 * count)
        twin.derive(master, factors, out, level)
        questions.append((line("des", "derive", 0, 16, master, b"", factors, lengths=[]), out.hex()))
        out = bytearray(4 * count)
        twin.tac(master, factors, data, offsets(lengths), out, level)
        questions.append((line("des", "tac", 0, 16, master, factors, data, lengths=lengths), out.hex()))
    assert ask(questions) == []
