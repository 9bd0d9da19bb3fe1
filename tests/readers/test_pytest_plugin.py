"""The fixtures as a user's own test file gets them, in a pytest of its own."""

import subprocess
import sys
from pathlib import Path

USER = """
from datetime import datetime

import pytest

from apdu.errors import CardLost

AT = datetime.fromisoformat("2014-07-31T09:30:15")
ACCOUNT = "6228480000000000018"


def test_card(virtual_card):
    assert virtual_card.transmit(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))[-2:] == b"\\x90\\x00"


def test_terminal(virtual_terminal):
    assert virtual_terminal.read_holder().name == "张珅"


@pytest.mark.sbcard(name="李四", version="3.00")
def test_another_holder(virtual_terminal):
    assert virtual_terminal.read_holder().name == "李四"


@pytest.mark.sbcard(balance_fen=5000, kind="pos")
def test_pos(virtual_terminal):
    virtual_terminal.change_initial_pin()
    virtual_terminal.purchase(1200, AT)
    assert virtual_terminal.balance() == 3800


@pytest.mark.sbcard(account_no=ACCOUNT, kind="atm")
def test_atm(virtual_terminal, virtual_bank):
    assert virtual_terminal.withdraw(20_000, AT).done_fen == 20_000
    assert virtual_bank.balances[ACCOUNT] == 80_000


@pytest.mark.sbcard(account_no=ACCOUNT, kind="phone")
def test_phone(virtual_terminal):
    assert virtual_terminal.balance(AT) == 100_000


def test_pulled_out(virtual_reader):
    channel = virtual_reader.connect()
    virtual_reader.remove()
    with pytest.raises(CardLost):
        channel.transmit(bytes.fromhex("0084000008"))


def test_psam(virtual_psam):
    assert virtual_psam.transmit(bytes.fromhex("00A4040006D15600000590")) == b"\\x90\\x00"


def test_new_for_every_test(virtual_card):
    assert not virtual_card.transmit(bytes.fromhex("0020000003246810")).startswith(b"\\x90")
"""


def test_a_users_tests_pass(tmp_path: Path) -> None:
    file = tmp_path / "test_mine.py"
    file.write_text(USER, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "--strict-markers"]
    plugin = subprocess.run(
        [sys.executable, "-c", "from importlib.metadata import entry_points as e; print(e(group='pytest11').names)"],
        capture_output=True,
        text=True,
        check=True,
    )
    if "sbcard" not in plugin.stdout:  # an installation older than the plugin; a fresh one has it
        command += ["-p", "readers.pytest_plugin"]
    done = subprocess.run([*command, file], capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert "9 passed" in done.stdout, done.stdout + done.stderr


def test_loading_the_plugin_imports_nothing_heavy() -> None:
    code = (
        "import sys, pytest, readers.pytest_plugin; print([m for m in ('numpy', 'cryptography') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
