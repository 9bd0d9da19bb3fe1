"""``python -m benchmarks.headline``: a province's collection, from the file to verdicts and findings.

Makes a file of dirty records (2 of 100 with a fault, 1 of 200 with another record's number), checks it in a process
of its own, and prints the time of every stage and the most memory that process ever held; then the same for smaller
files, to show how it grows. Findings go to an Arrow file, as a kick-back would read them. The files are removed.

    python -m benchmarks.headline                                  # 18,550,000 records, then 10⁴ to 10⁷
    python -m benchmarks.headline --records 1000000 --no-growth    # one size

One thread does it all unless ``--workers`` says more; then the judging is in "the rest" or waited for there.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks import collected, machine, saved
from benchmarks.numbers import ON
from benchmarks.stages import FINDINGS, JUDGE, READ, SCREEN, SEARCH, Stages, clocks

RECORDS = 18_550_000
"""The people of the collection the letter of July 2014 tells of."""
GROWTH = (10_000, 100_000, 1_000_000, 10_000_000)
RECORD_BYTES = 100
"""Less than a record takes on disk; findings come on top."""
REST = "the rest"
STAGES = (READ, SCREEN, JUDGE, SEARCH, FINDINGS, REST)


class Counted:
    """The batches of a check, counted while they pass."""

    def __init__(self, batches: Iterator[Any], stages: Stages) -> None:
        self._batches, self._stages = batches, stages
        self.found = dict.fromkeys(("records", "accepted", "rejected", "quarantined", "findings"), 0)

    def __iter__(self) -> Iterator[Any]:
        while True:
            with self._stages.stage(REST):
                batch = next(self._batches, None)
                if batch is None:
                    return
                self.found["records"] += batch.records
                self.found["accepted"] += len(batch.accepted)
                self.found["rejected"] += batch.rejected
                self.found["quarantined"] += batch.quarantined
                self.found["findings"] += len(batch.findings)
            yield batch


def child(path: Path, workers: int, batch_size: int) -> dict[str, Any]:
    """Check one file in this process; times in seconds, memory in MB."""
    import pyarrow as pa  # noqa: PLC0415 - writes the findings

    from sbcard_core.validation.check import check_files  # noqa: PLC0415
    from sbcard_core.validation.results import findings_table  # noqa: PLC0415

    before, stages = _peak(), Stages()
    with clocks(stages, judging=workers == 1):
        start = perf_counter()
        with stages.stage(REST):
            batches = Counted(check_files([path], on=ON, workers=workers, batch_size=batch_size), stages)
        with stages.stage(FINDINGS), path.with_suffix(".arrows").open("wb") as out:
            reader = pa.RecordBatchReader.from_stream(findings_table(batches))
            with pa.ipc.new_stream(out, reader.schema) as writer:
                for batch in reader:
                    writer.write_batch(batch)
        wall = perf_counter() - start
    spent = {name: stages.spent.get(name, 0) / 1e9 for name in STAGES}
    return {"wall": wall, "stages": spent, "peak_mb": _peak(), "start_mb": before, "counts": batches.found}


def _peak() -> float:
    """The most this process ever held. Linux's ``ru_maxrss`` starts at what the parent held, ``VmHWM`` at nothing."""
    status = Path("/proc/self/status")
    if status.exists():
        found = [line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM:")]
        return int(found[0].split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(records: int, workers: int, batch_size: int, folder: Path | None, encoding: str) -> dict[str, Any]:
    """Make a file, check it in a process of its own, remove it."""
    needed = RECORD_BYTES * records * 13 // 10
    with tempfile.TemporaryDirectory(prefix="sbcard-headline-", dir=folder) as place:
        if shutil.disk_usage(place).free < needed:
            raise SystemExit(f"{place}: {needed / 1e9:.1f} GB are needed; name another folder with --folder")
        path = Path(place, "430000.csv")
        start = perf_counter()
        size = collected.write(path, records, encoding=encoding, repeats=True)
        made = perf_counter() - start
        print(f"{records:,} records, {size / 1e6:,.0f} MB, made in {made:.1f} s", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "benchmarks.headline", "--child", str(path)]
        command += ["--workers", str(workers), "--batch-size", str(batch_size)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr.strip())
        found: dict[str, Any] = json.loads(done.stdout)
    counts = found["counts"]
    verdicts = counts["accepted"] + counts["rejected"] + counts["quarantined"]
    if not counts["records"] == records == verdicts or counts["rejected"] != collected.refused(records):
        raise SystemExit(f"{collected.refused(records):,} records are to be refused, the check says {counts}")
    return {**found, "bytes": size, "case": "headline", "at": f"{records:,}", "records": records}


def show(runs: list[dict[str, Any]]) -> str:
    """Totals and stages as text; a stage's figure is nanoseconds a record."""
    totals, stages = [], []
    for one in runs:
        count, per = one["records"], 1e9 / one["records"]
        totals.append(
            (
                one["at"],
                f"{one['bytes'] / 1e6:,.0f} MB",
                f"{one['wall']:.2f}",
                f"{count / one['wall'] / 1e6:.2f}",
                f"{one['bytes'] / one['wall'] / 1e6:.0f}",
                f"{one['peak_mb']:.0f}",
                *(f"{one['counts'][what]:,}" for what in ("accepted", "rejected", "quarantined", "findings")),
            )
        )
        stages.append((one["at"], f"{one['wall'] * per:.0f} ns", *(f"{one['stages'][s] * per:.0f}" for s in STAGES)))
    head = ("records", "file", "s", "million/s", "MB/s", "peak MB", "accepted", "rejected", "quarantined", "findings")
    return "\n".join(
        [
            "",
            "from the file to verdicts and findings",
            saved.table(head, totals),
            "",
            "where the time goes, ns a record",
            saved.table(("records", "all", *STAGES), stages),
        ]
    )


def main(arguments: list[str]) -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.headline", description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--no-growth", action="store_true", help="this size only")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=65_536)
    parser.add_argument("--encoding", choices=("gb18030", "utf-8"), default="gb18030")
    parser.add_argument("--folder", type=Path, help="where the files are made")
    parser.add_argument("--out", type=Path, default=saved.FOLDER, help="folder for the JSON")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.child:
        print(json.dumps(child(asked.child, asked.workers, asked.batch_size)))
        return
    about = machine.describe()
    sizes = [] if asked.no_growth else [size for size in GROWTH if size < asked.records]
    runs = [
        run(size, asked.workers, asked.batch_size, asked.folder, asked.encoding) for size in (*sizes, asked.records)
    ]
    for what, value in about.items():
        print(f"{what}: {value}")
    print(f"{asked.encoding}, {asked.workers} worker(s), {asked.batch_size} records a batch")
    print(show(runs))
    for one in runs:
        one["ns"] = one["low"] = one["high"] = one["wall"] * 1e9 / one["records"]
    print(f"saved: {saved.save('headline', {'machine': about, 'rows': runs}, asked.out)}")


if __name__ == "__main__":
    main(sys.argv[1:])
