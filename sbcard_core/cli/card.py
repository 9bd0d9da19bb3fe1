"""``sbcard card``: a card at the reader, on the command line."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from sbcard_core.cli.say import refuse, say, say_json
from sbcard_core.errors import InvalidValue, SBCardError
from sbcard_core.files import new_text
from sbcard_core.messages import message

card_app = typer.Typer(
    no_args_is_help=True, help="Read a card, describe its files, look at recorded sessions, show a virtual card."
)

_LABELS = {
    "identification_code": "卡识别码",
    "card_class": "卡的类别",
    "version": "规范版本",
    "issuer": "初始化机构",
    "issued_on": "发卡日期",
    "expires_on": "卡有效期",
    "card_no": "卡号",
    "id_number": "社会保障号码",
    "name": "姓名",
    "sex": "性别",
    "ethnicity": "民族",
    "birthplace": "出生地",
    "birth_date": "出生日期",
}
_HIDDEN = frozenset({"identification_code", "card_no", "id_number", "name", "birth_date"})

Reader = Annotated[str, typer.Option(help="where the card is: pcsc:NAME, sscard:LIBRARY, sim:ORDER#LINE, replay:TRACE")]
Keys = Annotated[
    Path | None, typer.Option(help="JSON of test keys in hex for sim: orders and PSAMs: TRANSPORT and root keys")
]
Seed = Annotated[int, typer.Option(help="without --keys: seed of the replay that made the sim: orders")]
Psam = Annotated[str, typer.Option(help='where the PSAM is; "" = none, so only what is free to read')]
Demo = Annotated[bool, typer.Option("--demo", help="a virtual card and PSAM instead of readers")]
ProfileFile = Annotated[Path | None, typer.Option(help="the issuer's own card profile (TOML)", exists=True)]


@dataclass(frozen=True, slots=True)
class _Devices:
    """Channels of card and PSAM, whatever they are."""

    card: Any
    psam: Any | None


def _simulated(url: str, keys: Path | None, seed: int) -> dict[str, Any]:
    """Options that a ``sim:`` URL of an order or a PSAM needs, from a file of keys or from a replay's seed."""
    if not url.startswith("sim:"):
        return {}
    if keys is not None:
        from readers.sim.sources import read_keys  # noqa: PLC0415

        found = read_keys(keys)
        return {"transport_key": found.pop("TRANSPORT", b""), "psam_keys": found}
    from sbcard_core.replay.openkeys import psam_keys, transport_key  # noqa: PLC0415

    return {"transport_key": transport_key(seed), "psam_keys": psam_keys(seed)}


@contextmanager
def _devices(
    reader: str, psam: str, *, demo: bool, keys: Path | None = None, replay_seed: int = 1
) -> Iterator[_Devices]:
    if demo:
        from readers.sim.desk import Desk  # noqa: PLC0415

        desk = Desk(seed=1)
        yield _Devices(desk.card, desk.psam)
        return
    from readers import drivers  # noqa: PLC0415

    with ExitStack() as stack:
        card = stack.enter_context(drivers.open(reader, **_simulated(reader, keys, replay_seed)))
        sam = stack.enter_context(drivers.open(psam, **_simulated(psam, keys, replay_seed))) if psam else None
        yield _Devices(stack.enter_context(card.connect()), stack.enter_context(sam.connect()) if sam else None)


def _profile(path: Path | None, *, made_up: bool) -> Any:
    from sbcard_core.card.loadprofile import load_profile  # noqa: PLC0415
    from sbcard_core.card.profiles.v2 import SAMPLE, V2  # noqa: PLC0415

    return load_profile(path) if path else SAMPLE if made_up else V2


@contextmanager
def _recorded(devices: _Devices, path: Path | None, *, openly: bool) -> Iterator[_Devices]:
    """The same devices, what passes being written down; without persons unless wanted otherwise."""
    if path is None:
        yield devices
        return
    from apdu.trace import RecordingChannel  # noqa: PLC0415
    from sbcard_core.card.redact import TraceRedactor  # noqa: PLC0415

    redact = None if openly else TraceRedactor(os.urandom(16))
    ended: Exception | None = None
    with new_text(path) as file:

        def record(channel: Any, slot: str) -> RecordingChannel:
            return RecordingChannel(
                channel, lambda line: print(line, file=file), clock=time.monotonic, slot=slot, redact=redact,
                atr=channel.atr,
            )  # fmt: skip

        try:
            yield _Devices(record(devices.card, "card"), devices.psam and record(devices.psam, "psam"))
        except (SBCardError, OSError) as error:  # a session that failed is what one wants to read most
            ended = error
    if ended is not None:
        raise ended


@card_app.command()
def read(
    files: Annotated[
        list[str] | None, typer.Argument(help="files to read, e.g. DF01/EF06; default: the basic data")
    ] = None,
    reader: Reader = "pcsc:",
    psam: Psam = "",
    profile: ProfileFile = None,
    demo: Demo = False,
    full: Annotated[bool, typer.Option("--full", help="show numbers and names in full")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object, in full, with proved and unread")] = False,
    trace: Annotated[Path | None, typer.Option(help="record the session here, without the person")] = None,
    openly: Annotated[bool, typer.Option("--openly", help="record the person too; never PINs and keys")] = False,
    keys: Keys = None,
    replay_seed: Seed = 1,
) -> None:
    """Read a card: with a PSAM it is proved genuine first."""
    from sbcard_core.card.session import CardSession  # noqa: PLC0415

    try:
        with (
            _devices(reader, psam, demo=demo, keys=keys, replay_seed=replay_seed) as raw,
            _recorded(raw, trace, openly=openly) as devices,
        ):
            declared = _profile(profile, made_up=demo or reader.startswith("sim:"))
            if hasattr(raw.card, "read_basic"):  # the vendor's driver reads the whole card itself
                if files:
                    _show_driver_files(raw.card, declared, files, full=full, as_json=as_json)
                else:
                    _show_basic(raw.card.read_basic(), None, full=full, as_json=as_json)
                return
            session = CardSession(devices.card, devices.psam, profile=declared)
            if files:
                _show_files(session, files, full=full, as_json=as_json, proved=devices.psam is not None)
            else:
                basic = session.read_authenticated(None) if devices.psam else session.read_basic()
                _show_basic(basic, devices.psam is not None, full=full, as_json=as_json)
            if not as_json:
                code = "cards.read.proved" if devices.psam else "cards.read.not_proved"
                say(str(message(code, count=session.apdu_count)))
    except (SBCardError, OSError) as error:
        raise refuse(error) from error


@card_app.command()
def show(
    path: Annotated[str, typer.Argument(help="one file, e.g. SSSE/EF06; default: all")] = "",
    profile: ProfileFile = None,
) -> None:
    """Describe the declared files: records, formats, access, and how sure each is."""
    from sbcard_core.card.profile import describe  # noqa: PLC0415

    try:
        for line in describe(_profile(profile, made_up=False), path).split("\n"):
            say(line)
    except (SBCardError, OSError) as error:
        raise refuse(error) from error


@card_app.command()
def trace(
    file: Annotated[Path, typer.Argument(help="a recorded session", exists=True)],
    english: Annotated[bool, typer.Option("--english", help="say it in English")] = False,
    redact: Annotated[Path | None, typer.Option(help="write it here without the person, still replayable")] = None,
) -> None:
    """Put a recorded session into words."""
    from apdu.trace import read, redacted  # noqa: PLC0415
    from apdu.words import describe  # noqa: PLC0415
    from sbcard_core.card.redact import TraceRedactor  # noqa: PLC0415

    try:
        exchanges = read(file)
        for exchange in exchanges:
            words = describe(exchange, _file_names())
            time_ms = "" if exchange.elapsed is None else f"{exchange.elapsed * 1000:7.1f} ms"
            say(f"{exchange.slot:<5}{time_ms:>11}  {words.en if english else words.zh}")
        if redact is not None:
            clean = redacted(exchanges, TraceRedactor(os.urandom(16)))
            with new_text(redact) as out:
                out.writelines(f"{line}\n" for one in clean for line in one.lines())
            say(f"-> {redact}")
    except (SBCardError, OSError) as error:
        raise refuse(error) from error


@card_app.command()
def shell(
    reader: Reader = "pcsc:",
    demo: Demo = False,
    record: Annotated[Path | None, typer.Option("--trace", help="record the session here, without the person")] = None,
) -> None:
    """Send commands in hex, one a line, and see each answer in words; an empty line or ``quit`` ends."""
    from apdu.channel import GetResponseChannel  # noqa: PLC0415
    from apdu.trace import Exchange  # noqa: PLC0415
    from apdu.words import describe  # noqa: PLC0415

    try:
        with _devices(reader, "", demo=demo) as raw, _recorded(raw, record, openly=False) as devices:
            say(f"ATR {devices.card.atr.hex().upper()}")
            channel = GetResponseChannel(devices.card)
            for line in _lines(typer.get_binary_stream("stdin").readline):
                command = _hex(line)
                if command is None:
                    say(str(message("cards.shell.hex")))
                    continue
                answer = channel.transmit(command)
                say(f"{answer[:-2].hex().upper()} {answer[-2:].hex().upper()}".strip())
                say(f"  {describe(Exchange(command, answer), _file_names()).zh}")
    except (SBCardError, OSError) as error:
        raise refuse(error) from error


@card_app.command()
def serve(
    reader: Annotated[str, typer.Option(help="the virtual card: sim:desk, sim:stock#7, sim:ORDER#LINE")] = "sim:desk",
    psam: Annotated[str, typer.Option(help='the virtual PSAM; "" = none')] = "sim:psam?desk=1",
    order: Annotated[str, typer.Option(help="short for a replay's card and its PSAM: ORDER#LINE")] = "",
    host: Annotated[str, typer.Option(help="where pcscd's vpcd driver listens")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port of the card's slot; the PSAM takes the next")] = 35963,
    seconds: Annotated[float | None, typer.Option(help="end after so long; default: Ctrl-C")] = None,
    keys: Keys = None,
    replay_seed: Seed = 1,
) -> None:
    """Show a virtual card and PSAM to a real PC/SC service until Ctrl-C: any PC/SC program then sees them."""
    from readers.sim.serve import Showing  # noqa: PLC0415
    from readers.sim.sources import device  # noqa: PLC0415

    if order:
        reader, psam = f"sim:{order}", "sim:psam"
    try:
        shown = {}
        for place, url in ((port, reader), (port + 1, psam)):
            if url and not url.startswith("sim:"):
                raise InvalidValue(message("cards.serve.only_sim"), step="card serve")
            made = device(url[4:], **_simulated(url, keys, replay_seed)) if url else None
            if made is not None:
                shown[place] = made
                say(f"port {place}: {url.partition('#')[0]} ATR {made.atr.hex().upper()}")
        with Showing(shown, host) as showing:
            say(str(message("cards.serve.begun")))
            try:
                showing.wait(seconds)
            except KeyboardInterrupt:
                say("")
        say(str(message("cards.serve.ended", count=showing.commands)))
    except (SBCardError, OSError) as error:
        raise refuse(error) from error


def _lines(readline: Callable[[], bytes]) -> Iterator[str]:
    """Lines of ASCII, whatever a console or a pipe may send instead."""
    while (line := readline().decode("ascii", "replace").strip()) and line.lower() not in ("quit", "exit"):
        yield line


def _hex(line: str) -> bytes | None:
    try:
        command = bytes.fromhex(line)
    except ValueError:
        return None
    return command if len(command) >= 4 else None


def _file_names() -> Callable[[bytes], str | None]:
    """Names of directories by identifier, of files by short or file identifier."""
    from sbcard_core.card.profiles.v2 import V2  # noqa: PLC0415

    names = {one.aid: f"{one.name} {one.zh}" for one in V2.directories if one.aid}

    def name(identifier: bytes) -> str | None:
        if len(identifier) == 1:
            return f"EF{identifier[0]:02X}"
        return names.get(identifier) or (f"EF{identifier[1]:02X}" if identifier[:1] == b"\xef" else None)

    return name


def _show_basic(basic: Any, proved: bool | None, *, full: bool, as_json: bool) -> None:
    """The items, those that could not be read, and whether the card was proved (None: by its driver)."""
    from sbcard_core.card.errors import driver_code  # noqa: PLC0415

    if as_json:
        unread = {key: driver_code(error) for key, error in basic.unread.items()}
        say_json({**basic.to_fields(), "proved": proved, "unread": unread})
        return
    for key, value in basic.to_fields().items():
        _line(_LABELS[key], key, value, full=full)
    for error in dict.fromkeys(map(str, basic.unread.values())):
        say(str(message("cards.not_read", what=error)))


def _show_files(session: Any, names: list[str], *, full: bool, as_json: bool, proved: bool) -> None:
    """Files in words one after the other, or as one JSON object by path: rows of a cyclic file are a list."""
    if not as_json:
        for name in names:
            _show_file(session, session.profile.find(name), full=full)
        return
    found = {session.profile.find(name).path: session.read_file(name) for name in names}
    say_json({"files": json.loads(json.dumps(found, default=_json_value)), "proved": proved})


def _show_driver_files(card: Any, profile: Any, names: list[str], *, full: bool, as_json: bool) -> None:
    """Files that a vendor's driver reads, and what of them it did not give."""
    from sbcard_core.card.errors import driver_code  # noqa: PLC0415

    read = {file.path: (file, *card.read_file(file)) for file in map(profile.find, names)}
    if as_json:
        unread = {
            path if name == path else f"{path}/{name}": driver_code(error)
            for path, (_, _, missing) in read.items()
            for name, error in missing.items()
        }
        say_json({"files": {path: values for path, (_, values, _) in read.items()}, "proved": None, "unread": unread})
        return
    for file, values, missing in read.values():
        say(f"{file.path} {file.zh}")
        labels = {record.name: record.zh for record in file.records}
        for key, value in values.items():
            _line(labels.get(key, key), key, value, full=full, personal=not file.path.endswith("EF05"))
        for error in dict.fromkeys(map(str, missing.values())):
            say(str(message("cards.not_read", what=error)))


def _json_value(value: object) -> str:
    return value.hex().upper() if isinstance(value, bytes) else str(value)


def _show_file(session: Any, file: Any, *, full: bool) -> None:
    say(f"{file.path} {file.zh}")
    found = session.read_file(file.path)
    labels = {record.name: record.zh for record in file.records}
    for number, row in enumerate(found if isinstance(found, list) else [found], 1):
        if isinstance(found, list):
            say(f" {number}")
        for key, value in row.items():
            _line(labels.get(key, key), key, value, full=full, personal=not file.path.endswith("EF05"))


def _line(label: str, key: str, value: object, *, full: bool, personal: bool = False) -> None:
    text = value.hex().upper() if isinstance(value, bytes) else str(value)
    if not full and (key in _HIDDEN or personal):
        text = _masked(key, text)
    say(f"  {label}{'　' * max(0, 7 - len(label))} {text}")


def _masked(key: str, text: str) -> str:
    from sbcard_core.values import mask_id  # noqa: PLC0415

    if key == "id_number" and len(text) in (15, 18):
        return mask_id(text)
    keep = 6 if key == "identification_code" else 1
    return text[:keep] + "*" * max(0, len(text) - keep)
