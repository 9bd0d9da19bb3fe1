"""Run harnesses in parallel: ``python -m tests.fuzz --seconds 30 [name …]``.

With atheris installed the search is guided by coverage, otherwise by our own engine; ``--seed`` makes either repeatable
as far as time allows. C harnesses are built where clang is there. A failing input lies in ``out/fuzz/<name>/`` and is
run again by ``python -m tests.fuzz --replay <file> <name>``; put it into ``tests/fuzz/corpus/<name>/`` with the repair.
"""

import argparse
import importlib.util
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz import engine, native, worker
from tests.fuzz.harnesses import ALL


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", help="harnesses (default: all)")
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("FUZZ_SECONDS", "30")), help="each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--engine", choices=("auto", "atheris", "own"), default="auto")
    parser.add_argument("--replay", type=Path, help="run one input once")
    return parser.parse_args()


def main() -> int:
    """The exit status: 0 = every law held."""
    given = _arguments()
    known = [*ALL, *native.HARNESSES]
    if unknown := set(given.names) - set(known):
        sys.exit(f"no harness is called {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if given.replay:
        print(engine.execute(ALL[given.names[0]], given.replay.read_bytes()))
        return 0
    guided = given.engine == "atheris" or (given.engine == "auto" and importlib.util.find_spec("atheris") is not None)

    def run(name: str) -> worker.Report:
        if name in native.HARNESSES:
            return native.run(name, given.seconds, given.seed)
        harness = ALL[name]
        if harness.needs and importlib.util.find_spec(harness.needs) is None:
            return worker.Report(name, "absent", note=f"{harness.needs} is not installed")
        return worker.run(name, given.seconds, given.seed, guided=guided)

    begun, failed = time.monotonic(), False
    with ThreadPoolExecutor(given.jobs) as pool:
        for report in pool.map(run, given.names or known):
            failed |= bool(report.failures)
            print(report, flush=True)
    print(f"{time.monotonic() - begun:.0f} s")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
