"""``sbcard card``: reading, describing, recording and looking at sessions from the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sbcard_core.card.personalize import CardRequest, order_lines
from sbcard_core.cli.app import app
from sbcard_core.crypto.keys import KeyUsage, SecretKey
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.errors import InvalidValue
from sbcard_core.replay.openkeys import psam_keys, transport_key

NUMBER = "111111198101011110"


def run(*arguments: object, stdin: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, ["card", *map(str, arguments)], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_reading_hides_the_person() -> None:
    code, text = run("read", "--demo")
    assert code == 0
    assert "111111********1110" in text
    assert "card and PSAM proved" in text
    assert NUMBER not in text
    assert "张珅" not in text


def test_reading_in_full_and_as_json() -> None:
    assert NUMBER in run("read", "--demo", "--full")[1]
    code, text = run("read", "--demo", "--json")
    assert code == 0
    shown = json.loads(text)
    assert (shown["name"], shown["proved"], shown["unread"]) == ("张珅", True, {})


def test_a_third_generation_card_without_psam_shows_what_is_free() -> None:
    code, text = run("read", "--reader", "sim:desk?seed=1&version=3.00", "--json")
    shown = json.loads(text)
    assert (code, shown["proved"], shown["card_no"], shown["id_number"]) == (0, False, "X00000019", "")
    assert shown["unread"]["id_number"] == -27010
    code, text = run("read", "--reader", "sim:desk?seed=1&version=3.00")
    assert (code, text.count("not read: "), "6982" in text, "not proved" in text) == (0, 1, True, True)


def test_reading_named_files() -> None:
    code, text = run("read", "SSSE/EF06", "--demo")
    assert code == 0
    assert "持卡人" in text
    assert NUMBER not in text
    code, text = run("read", "SSSE/EF99", "--demo")
    assert (code, "no file of that name" in text) == (2, True)


def test_no_reader_is_a_sentence() -> None:
    code, text = run("read", "--reader", "nothing:")
    assert code == 2
    assert text.startswith("sbcard: no driver for nothing:")
    assert "Traceback" not in text


def test_describing_the_files() -> None:
    code, text = run("show")
    assert code == 0
    assert "SSSE/EF06" in text
    code, one = run("show", "SSSE/EF05")
    assert code == 0
    assert 0 < len(one) < len(text)


def test_a_recorded_session_holds_no_person_and_says_what_happened(tmp_path: Path) -> None:
    file = tmp_path / "session.jsonl"
    assert run("read", "--demo", "--trace", file)[0] == 0
    recorded = file.read_text("utf-8")
    assert NUMBER.encode().hex().upper() not in recorded
    assert "张珅".encode("gb18030").hex().upper() not in recorded
    code, text = run("trace", file)
    assert code == 0
    assert "选择" in text
    assert "psam" in text
    assert "READ RECORD" in run("trace", file, "--english")[1]


def test_an_open_recording_replays_and_can_be_cleaned(tmp_path: Path) -> None:
    """What is free to read is the same from the card and from its recording; cleaned, it reads as somebody else."""
    file, clean = tmp_path / "open.jsonl", tmp_path / "clean.jsonl"
    from apdu.trace import RecordingChannel
    from readers.sim.desk import Desk
    from sbcard_core.card.session import CardSession

    lines: list[str] = []
    card = Desk(seed=1).card
    CardSession(RecordingChannel(card, lines.append, slot="card", atr=card.atr)).read_basic()
    file.write_text("\n".join(lines) + "\n", "utf-8")
    code, text = run("read", "--reader", f"replay:{file}", "--full")
    assert (code, NUMBER in text, "not proved" in text) == (0, True, True)
    assert run("trace", file, "--redact", clean)[0] == 0
    code, text = run("read", "--reader", f"replay:{clean}", "--full")
    assert (code, NUMBER in text) == (0, False)


def test_the_shell(tmp_path: Path) -> None:
    file = tmp_path / "shell.jsonl"
    commands = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF\n00B2032806\nnonsense\n00\n0020000003123456\nquit\n00B2"
    code, text = run("shell", "--demo", "--trace", file, stdin=commands)
    assert code == 0
    assert "0304322E3030 9000" in text
    assert text.count("a command is hex") == 2
    assert "123456" not in file.read_text("utf-8")  # the PIN


@pytest.mark.parametrize("bad", ["{", '{"dir": "<", "hex": "9000"}', '{"dir": ">", "hex": "0"}'])
def test_a_file_that_is_no_trace(tmp_path: Path, bad: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(bad, "utf-8")
    code, text = run("trace", file)
    assert code == 2
    assert "line 1" in text


def test_on_a_gbk_console() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "gbk:strict"}
    command = [sys.executable, "-m", "sbcard_core.cli", "card", "show"]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "社会保障" in done.stdout.decode("gbk")


@pytest.fixture(scope="module")
def order_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cards as a replay of seed 5 orders them."""
    keys = MasterKeys.simulation(5)
    transport = SecretKey(transport_key(5), KeyUsage.TRANSPORT)
    cards = [
        CardRequest(line, number, "430100", bytes((0, 0, 0, line)), bytes.fromhex(f"866014070000000{line}"), NUMBER,
                    "张珅", "1", "01", "19810101", "20140801", "20240801")
        for line, number in ((1, "A00000013"), (2, "X00000019"))
    ]  # fmt: skip
    path = tmp_path_factory.mktemp("orders") / "orders.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in order_lines(cards, keys, transport)), "utf-8")
    return path


@pytest.mark.parametrize("which", ["2", "X00000019"])
def test_a_card_of_a_replays_order_with_its_psam(order_file: Path, which: str) -> None:
    where = ("--reader", f"sim:{order_file}#{which}", "--psam", "sim:psam")
    code, text = run("read", *where, "--replay-seed", "5", "--full")
    assert (code, "X00000019" in text, "card and PSAM proved" in text) == (0, True, True)
    code, text = run("read", *where, "--replay-seed", "6")
    assert (code, "check value" in text) == (2, True)


def test_keys_from_a_file(order_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    held = {**psam_keys(5), "TRANSPORT": transport_key(5)}
    path.write_text(json.dumps({name: key.hex() for name, key in held.items()}), "utf-8")
    where = ("--reader", f"sim:{order_file}#1", "--psam", "sim:psam", "--keys", path)
    assert run("read", *where)[0] == 0
    path.write_text("[]", "utf-8")
    code, text = run("read", *where)
    assert (code, "JSON object of keys" in text) == (2, True)


def test_a_stock_and_what_can_not_be_shown() -> None:
    code, text = run("read", "--reader", "sim:stock?seed=7#12", "--psam", "sim:psam?stock=7")
    assert (code, "card and PSAM proved" in text) == (0, True)
    assert run("read", "--reader", "sim:stock?seed=7#1001")[0] == 2
    code, text = run("serve", "--reader", "pcsc:")
    assert (code, "only sim: devices" in text) == (2, True)


def test_a_file_is_shown_by_any_of_its_names_and_refused_by_others() -> None:
    shown = {run("show", name) for name in ("DF01/EF06", "DF01EF06", "常住地文件")}
    assert len(shown) == 1
    code, text = run("show", "SSSE/EF99")
    assert (code, "no file of that name" in text) == (2, True)


def test_the_shell_takes_no_line_that_is_not_ascii() -> None:
    lines = b"00B2\xff\n" + "退出\n".encode("gbk") + "００Ｂ２".encode() + b"\nquit\n"
    result = CliRunner().invoke(app, ["card", "shell", "--demo"], input=lines)
    assert result.exit_code == 0, result.exception
    assert result.output.count("a command is hex") == 3


def test_named_files_as_json() -> None:
    code, text = run("read", "SSSE/EF06", "SSSEEF05", "--demo", "--json")
    shown = json.loads(text)
    assert (code, shown["proved"], list(shown["files"])) == (0, True, ["SSSE/EF06", "SSSE/EF05"])
    assert (shown["files"]["SSSE/EF06"]["id_number"], shown["files"]["SSSE/EF05"]["version"]) == (NUMBER, "2.00")


def test_a_trace_saved_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    run("read", "--demo", "--trace", tmp_path / "plain.jsonl", "--openly")
    file = tmp_path / "marked.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + (tmp_path / "plain.jsonl").read_bytes().replace(b"\n", b"\r\n"))
    assert run("trace", file) == run("trace", tmp_path / "plain.jsonl")
    code, text = run("read", "--reader", f"replay:{file}", "--full")
    assert (code == 0 or "recorded" in text, "JSON" in text) == (True, False)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00secret", "秘密".encode("gb18030"), b"[1]", b'{"TRANSPORT": "zz"}', b""]
)
def test_a_file_that_holds_no_keys_is_refused_and_not_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(content)
    result = CliRunner().invoke(app, ["card", "read", "--reader", "sim:orders.jsonl", "--keys", str(path)])
    assert (result.exit_code, "JSON object of keys" in result.output) == (2, True)
    error: BaseException | None = result.exception
    while error is not None:
        assert not isinstance(error, ValueError) or isinstance(error, InvalidValue)
        error = error.__cause__ or error.__context__


def test_a_key_file_with_a_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text('{"TRANSPORT": "' + "00" * 16 + '"}', encoding="utf-8-sig")
    assert "no file" in run("read", "--reader", f"sim:{tmp_path}/none.jsonl", "--keys", str(path))[1]
