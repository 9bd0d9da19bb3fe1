"""One harness in a process of its own: ``python -m tests.fuzz.worker own|atheris <name> <seconds> <seed>``."""

import hashlib
import re
import subprocess
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path

OUT = Path("out/fuzz")
_EXECUTIONS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_NEW = re.compile(r"stat::new_units_added:\s*(\d+)")
_SAVED = re.compile(r"Test unit written to (\S+)")
MEMORY_MB = 1536


@dataclass
class Report:
    """What a process told."""

    name: str
    engine: str
    executions: int = 0
    news: int = 0
    failures: list[str] = field(default_factory=list)
    note: str = ""

    def __str__(self) -> str:
        head = f"{self.name:12} {self.engine:8} {self.executions:>9,} executions, {self.news:>5} new outcomes"
        return "\n".join([f"{head}  {self.note}".rstrip(), *(f"  FAILED {failure}" for failure in self.failures)])


def keep(name: str, data: bytes) -> Path:
    """Save a failing input."""
    path = OUT / name / hashlib.sha256(data).hexdigest()[:16]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def run(name: str, seconds: float, seed: int, *, guided: bool) -> Report:
    """Run a harness in a process of its own; a crash of the process is a failure too."""
    kind = "atheris" if guided else "own"
    command = [sys.executable, "-m", "tests.fuzz.worker", kind, name, str(seconds), str(seed)]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace", timeout=seconds + 180
        )
    except subprocess.TimeoutExpired:
        return Report(name, kind, failures=["does not end"])
    return read(name, kind, done.stdout + done.stderr, done.returncode)


def read(name: str, kind: str, text: str, status: int) -> Report:
    """The report in the words of libFuzzer, which our own engine uses too."""
    count, news = ([int(found) for found in pattern.findall(text)] for pattern in (_EXECUTIONS, _NEW))
    failures = [f"input {path}" for path in _SAVED.findall(text)]
    if status and not failures:
        failures = [f"exit status {status}"]
    if failures:
        _, mark, told = text.partition("Uncaught Python exception")
        failures.append("\n    ".join(told.splitlines()[1:40] if mark else text.splitlines()[-25:]))
    return Report(name, kind, sum(count), sum(news), failures)


def _own(name: str, seconds: float, seed: int) -> int:
    from tests.fuzz import engine, harnesses

    result = engine.drive(harnesses.ALL[name], seed=seed, seconds=seconds)
    for data, error in result.failures:
        print(f"Test unit written to {keep(name, data)}")
        traceback.print_exception(error, limit=-4, file=sys.stdout)
    print(f"stat::number_of_executed_units: {result.executions}\nstat::new_units_added: {len(result.outcomes)}")
    return int(bool(result.failures))


def _guided(name: str, seconds: float, seed: int) -> int:
    import atheris

    with atheris.instrument_imports(include=["sbcard_core", "apdu"]):
        from tests.fuzz import engine, harnesses

        harness = harnesses.ALL[name]
    corpus = engine.seeded_folder(harness)
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    words = corpus.parent / "words"
    escaped = ["".join(f"\\x{byte:02x}" for byte in word) for word in engine.words(harness)]
    words.write_text("".join(f'"{word}"\n' for word in escaped))

    def once(data: bytes) -> None:
        harness.run(data)

    options = [
        f"-max_total_time={max(1, round(seconds))}", f"-seed={seed}", f"-max_len={engine.MAX_INPUT}", f"-dict={words}",
        f"-timeout={engine.SECONDS_EACH}", f"-rss_limit_mb={MEMORY_MB}", "-print_final_stats=1", "-verbosity=1",
        f"-artifact_prefix={folder}/",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], once)
    atheris.Fuzz()  # ends the process
    return 0


if __name__ == "__main__":
    kind, name, seconds, seed = sys.argv[1:]
    sys.exit((_guided if kind == "atheris" else _own)(name, float(seconds), int(seed)))
