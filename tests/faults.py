"""Processes that die or whose writes fail, at a chosen write or moment; ``ledger/faults.c`` says which and how."""

import itertools
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest
import sqlalchemy as sa

ROOT = Path(__file__).resolve().parents[1]
needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs fork, kill -9 and LD_PRELOAD")

_names = itertools.count()


def sampled(seed: int) -> random.Random:
    """Draws the sample of a proof: by ``seed`` in every run, by a printed seed of its own in ``make explore``."""
    if os.environ.get("SBCARD_EXPLORE"):
        seed = random.SystemRandom().randrange(2**32)
        print(f"sampled({seed})")
    return random.Random(seed)


@contextmanager
def known_to_server(url: str) -> Iterator[str]:
    """The address under a name of its own; at the end the server has nothing of that name at work.

    A process that is killed leaves a PostgreSQL server at the statement it had sent: that one may still be kept, and
    whoever reads the books before would see it come. The kernel clears up after a process on SQLite by itself.
    """
    address = sa.make_url(url)
    if address.get_backend_name() != "postgresql":
        yield url
        return
    name = f"child{os.getpid()}.{next(_names)}"
    yield address.update_query_dict({"application_name": name}).render_as_string(hide_password=False)
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    at_work = sa.text("SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = :name")
    with engine.connect() as connection:
        while connection.execute(at_work, {"name": name}).scalar():
            time.sleep(0.001)


class Children:
    """A script that forks a process for each command, with or without the library that fails writes.

    Args:
        script: takes commands on its standard input, one a line, fields between tabs; ``run`` says which. Answers
            with lines "ack <n>", "refused <n>" and, when the process is gone, "end <exit status>".
        library: ``faults.c``, compiled.
        environment: more of it.
    """

    def __init__(self, script: Path, library: Path | None = None, **environment: str) -> None:
        if library is not None:
            environment["LD_PRELOAD"] = str(library)
        self.process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        )

    def run(self, url: str, name: object, count: int, fault: str = "-", delay: str = "-") -> tuple[set[int], int, int]:
        """What one process acknowledged, how many refusals, exit status (negative for a signal); nothing of it is left.

        Args:
            url: the database.
            name: of the run, as the script takes it.
            count: how much there is to do.
            fault: "at:deed", or "-" for none.
            delay: when it is killed, as the script takes it, or "-" for not.
        """
        with known_to_server(url) as own:
            return self._run(own, str(name), str(count), fault, delay)

    def _run(self, *fields: str) -> tuple[set[int], int, int]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\t".join(fields) + "\n")
        self.process.stdin.flush()
        acknowledged: set[int] = set()
        refused = 0
        for line in self.process.stdout:
            word, number = line.split()
            if word == "end":
                return acknowledged, refused, int(number)
            refused += word == "refused"
            acknowledged |= {int(number)} if word == "ack" else set()
        raise AssertionError("the forking process is gone")

    def close(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait() == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def faulty_children(script: Path, folder: Path, real_part: Callable[[str, bool, str], None]) -> Iterator[Children]:
    """Children whose writes can fail; after the fault "0:count" the file ``folder/calls`` has their number."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    real_part("cc", compiler is not None, "install a C compiler")
    library, source = folder / "faults.so", Path(__file__).parent / "ledger" / "faults.c"
    subprocess.run([str(compiler), "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    with Children(script, library, FAULT_LOG=str(folder / "calls")) as found:
        yield found
