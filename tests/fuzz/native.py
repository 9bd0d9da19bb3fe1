"""C harnesses of the kernels: libFuzzer with the address and undefined-behaviour sanitizers, where clang is there."""

import shutil
import subprocess
from pathlib import Path

from tests.fuzz.worker import OUT, Report, read

HERE = Path(__file__).parent
CSRC = HERE.parent.parent / "sbcard_core" / "_fast" / "csrc"
HARNESSES = {f"c-{path.stem}": path for path in sorted((HERE / "c").glob("*.c"))}
NEEDS = {"screen": ("idcheck",)}
"""Kernels that call others."""
FLAGS = ["-std=c11", "-O1", "-g", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]


def build(name: str, into: Path) -> str:
    """Compile one harness with the kernels it is named after; "" or why not."""
    if shutil.which("clang") is None:
        return "clang is absent"
    source = HARNESSES[name]
    parts = [source.stem, *NEEDS.get(source.stem, ())]
    kernels = [*(path for part in parts for path in sorted(CSRC.glob(f"{part}_*.c"))), CSRC / "cpu.c"]
    into.parent.mkdir(parents=True, exist_ok=True)
    command = ["clang", *FLAGS, "-I", str(CSRC), "-o", str(into), str(source), *map(str, kernels)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr[-1500:]


def run(name: str, seconds: float, seed: int) -> Report:
    """Build and run one harness."""
    binary = Path("build") / "fuzz" / name
    if why := build(name, binary):
        absent = why == "clang is absent" or "libclang_rt" in why
        return (
            Report(name, "absent", note="clang or its sanitizers are absent")
            if absent
            else Report(name, "libFuzzer", failures=[why])
        )
    corpus, found = binary.parent / f"{name}-corpus", OUT / name
    corpus.mkdir(exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={max(1, round(seconds))}", f"-seed={seed}", "-max_len=4096", "-print_final_stats=1"]
    command = [str(binary), *options, f"-artifact_prefix={found}/", str(corpus)]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace", timeout=seconds + 120
        )
    except subprocess.TimeoutExpired:
        return Report(name, "libFuzzer", failures=["does not end"])
    return read(name, "libFuzzer", done.stdout + done.stderr, done.returncode)
