"""Kernels whose input another thread writes during the call: they refuse it or finish, and touch nothing else."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sbcard_core import _kernels
from tests.kernels import changed_input

SCRIPT = Path(changed_input.__file__)


@pytest.mark.parametrize("name", list(changed_input.cases()))
def test_a_thread_that_writes_into_the_input_brings_no_kernel_down(name: str) -> None:
    root = str(SCRIPT.parents[2])
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(SCRIPT), name],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PYTHONPATH": root, "PATH": ""},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert sum(map(int, done.stdout.split())) > 0


@pytest.mark.parametrize("level", [level for level in _kernels.kernel_levels("dedupe") if level != "reference"])
def test_a_full_set_is_refused_and_never_searched_for_ever(level: str) -> None:
    kernel, _ = _kernels.choose("dedupe", level)
    seed, full = b"seed" * 4, np.arange(1, 65, dtype=np.uint64)
    keys, out, places = np.arange(100, 110, dtype=np.uint64), np.zeros(10, np.uint8), np.zeros(10, np.int64)
    with pytest.raises(ValueError, match="no room"):
        kernel.find(full, keys, seed, places, level)
    with pytest.raises(ValueError, match="no room"):
        kernel.insert(full.copy(), 0, keys, seed, out, level)
    with pytest.raises(ValueError, match="no room"):
        kernel.move(full, np.concatenate([full, full]), level)
    nearly = full.copy()
    nearly[:4] = 0
    with pytest.raises(
        ValueError, match="no room"
    ):  # `used` claims the set is empty: four keys fit, the fifth does not
        kernel.insert(nearly, 0, keys, seed, out, level)
    assert out[:3].all()


@pytest.mark.parametrize("level", [level for level in _kernels.kernel_levels("screen") if level != "reference"])
def test_starts_and_rows_outside_of_the_text_are_refused(level: str) -> None:
    kernel, _ = _kernels.choose("screen", level)
    pairs = np.zeros((1, 2, 2), np.uint32)

    def cut(starts: list[int], row: int) -> None:
        kernel.cut(b"a|b\nc|d\n", b"|", False, 2, np.array(starts, np.uint32), np.array([row]), pairs, level)

    cut([0, 4, 8], 1)
    assert pairs.tolist() == [[[4, 1], [6, 1]]]
    for starts, row in (([0, 4, 8], 2), ([0, 4, 8], -1), ([0, 1 << 31, 8], 0), ([1 << 31, 4, 8], 0), ([6, 4, 8], 0)):
        with pytest.raises(ValueError, match="row"):
            cut(starts, row)
