"""The benchmarks' C peers build, agree with the library, and the two tools run. Nothing is timed here."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
RealPart = Callable[[str, bool, str], None]
C_PEERS = {"OpenSSL DES_*": "openssl", "OpenSSL EVP": "openssl", "libgcrypt": "gcrypt", "libgcrypt CTR": "gcrypt"}


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModuleType, ModuleType]:
    """The peers, built apart from the checkout's own, and the cases."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        peers, cases = (importlib.import_module(f"benchmarks.{name}") for name in ("peers", "cases"))
        patch.setattr(peers, "LIBRARY", tmp_path_factory.mktemp("peers") / "libpeers.so")
        peers.load.cache_clear()
        peers.load()
    return peers, cases


def parts(modules: tuple[ModuleType, ModuleType], real_part: RealPart, *wanted: str) -> None:
    """Skip, or fail where all is required, when a library's headers are absent."""
    for part in wanted:
        _, _, name, how = modules[0].PARTS[part]
        real_part(name, part in modules[0].load().parts, how)


@pytest.mark.parametrize("part", ["openssl", "gcrypt"])
def test_peers_build_and_give_their_version(
    modules: tuple[ModuleType, ModuleType], real_part: RealPart, part: str
) -> None:
    parts(modules, real_part, part)
    assert any(character.isdigit() for character in modules[0].load().parts[part])


@pytest.mark.parametrize("count", [1, 17, 300])
@pytest.mark.parametrize(
    "name", ["retail", "triple", "tac", "derive", "ecb", "sm4_mac", "sm4_ecb", "sm4_derive", "single_retail", "batch16"]
)
def test_ours_are_the_peers_results(
    modules: tuple[ModuleType, ModuleType], real_part: RealPart, name: str, count: int
) -> None:
    _, cases = modules
    trial = cases.CASES[name].make(count)
    missing = {C_PEERS[peer] for peer in cases.CASES[name].against if peer in C_PEERS and peer not in trial.peers}
    parts(modules, real_part, *sorted(missing))
    assert trial.peers
    for peer, call in trial.peers.items():
        cases.compare(name, trial.ours.run(), trial, peer, call.run())
    if trial.bare is not None:
        assert cases.as_bytes(trial.bare.run()) == cases.as_bytes(trial.ours.run())


def test_a_peer_that_differs_is_found(modules: tuple[ModuleType, ModuleType]) -> None:
    _, cases = modules
    trial = cases.CASES["retail"].make(3)
    ours = cases.as_bytes(trial.ours.run())
    for wrong in (ours[:-1] + bytes((ours[-1] ^ 1,)), ours[:-8], b""):
        with pytest.raises(AssertionError, match="differ"):
            cases.compare("retail", ours, trial, "cryptography", wrong)


def test_absent_libraries_are_named_and_left_out(
    modules: tuple[ModuleType, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peers, _ = modules
    monkeypatch.setenv("CC", "no-such-compiler")
    assert peers.build(tmp_path / "libpeers.so") == ()
    found = peers.Peers(tmp_path / "libpeers.so")
    assert [line.split(" are absent")[0] for line in found.missing()] == ["OpenSSL headers", "libgcrypt headers"]
    assert found.bind("low_retail", 8, bytes(16), bytes(8), 8, 1) is None


def run(*arguments: str, cwd: Path = ROOT) -> str:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=cwd, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode("utf-8")
    return done.stdout.decode("utf-8")


def test_report_runs_and_saves(tmp_path: Path) -> None:
    small = ("--processes", "1", "--rounds", "1", "--count", "300", "--out", str(tmp_path))
    out = run("benchmarks.report", "--cases", "retail", "sm4_mac", "growth", *small)
    (saved,) = tmp_path.glob("report-*.json")
    rows = json.loads(saved.read_text("utf-8"))["rows"]
    assert {row["name"] for row in rows} == {"retail", "sm4_mac", "growth"}
    assert {row["at"] for row in rows} >= {"portable"}
    assert all(row["ns"] > 0 for row in rows)
    shown = run("benchmarks.report", "--show", str(saved))
    assert shown.strip() == out.partition("saved:")[0].strip()
    assert "same within noise" in run("benchmarks.report", "--compare", str(saved), str(saved))


def test_tune_recommends_saves_and_compares(tmp_path: Path) -> None:
    small = ("--rounds", "1", "--count", "600", "--workers", "2", "--out", str(tmp_path))
    out = run("benchmarks.tune", "--calls", "tac.verify_many", *small)
    (saved,) = tmp_path.glob("tune-*.json")
    run_saved = json.loads(saved.read_text("utf-8"))
    assert {(row["workers"], row["size"]) for row in run_saved["rows"]} == {(1, 256), (1, 600), (2, 600)}
    best = run_saved["recommended"]["tac.verify_many"]
    assert f"workers={best['workers']}, {best['size']} messages a call" in out
    assert "same within noise" in run("benchmarks.tune", "--compare", str(saved), str(saved))
    faster = {**run_saved, "rows": [{**row, **dict.fromkeys(("ns", "low", "high"), 0.5)} for row in run_saved["rows"]]}
    (tmp_path / "second.json").write_text(json.dumps(faster), "utf-8")
    compared = run("benchmarks.tune", "--compare", str(saved), str(tmp_path / "second.json"))
    assert compared.count("| faster") == 3
