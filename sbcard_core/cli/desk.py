"""What the money commands share: the database, files of a clerk, results in words or JSON, progress, exit codes.

Exit code 0: done. 1: done, and something waits for a clerk. 2: refused, nothing of it was booked. 130: broken off; the
same command goes on where it stopped.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from sbcard_core.cli.say import note, refuse, say, say_json
from sbcard_core.errors import InvalidValue, SBCardError
from sbcard_core.files import clear_broken, database_files, make_folder, new_text, read_text
from sbcard_core.messages import message

if TYPE_CHECKING:
    from sbcard_core.backend import Backend
    from sbcard_core.officers import Officers

EXIT_CODES = (
    "Exit code 0: done; 1: done, and something waits for a clerk; 2: refused, nothing of it was booked; "
    "130: broken off (Ctrl-C): the same command goes on where it stopped."
)

Database = Annotated[str, typer.Option("--db", help="sqlite:///FILE or postgresql+psycopg://…", envvar="SBCARD_DB")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="试运行: do it, show it, and undo it")]
Sample = Annotated[
    bool, typer.Option("--sample", help="begin a sample book (样例账套): made-up policies and rates, no real money")
]
AsJson = Annotated[bool, typer.Option("--json", help="for programs; amounts in fen")]
On = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="business day; default today")]
At = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"], help="business time; default now")
]


def day(on: datetime | None) -> date:
    """The business day: the clerk's own, unless another is named."""
    return on.date() if on else date.today()  # noqa: DTZ011 - the clerk's own day


def moment(at: datetime | None) -> datetime:
    """The business time, to the second."""
    return at or datetime.now().replace(microsecond=0)  # noqa: DTZ005 - the clerk's own clock


class Meter:
    """How far a long step has come, on standard error: a moving line on a terminal, else a line every ten seconds."""

    def __init__(self) -> None:
        self._shown = monotonic()

    def __call__(self, stage: str, done: int, total: int = 0) -> None:
        """Show it, if it is time to."""
        on_screen = sys.stderr.isatty()
        if monotonic() - self._shown < (0.2 if on_screen else 10):
            return
        self._shown = monotonic()
        text = f"{stage}: {done:,}" + (f" / {total:,}" if total else "")
        sys.stderr.write(f"\r{text} " if on_screen else f"{text}\n")
        sys.stderr.flush()


@contextmanager
def backend(
    url: str,
    *,
    dry_run: bool = False,
    as_json: bool = False,
    create: bool = False,
    sample: bool = False,
    tariff: Path | None = None,
    policies: Sequence[Path] = (),
    catalogues: Sequence[Path] = (),
    officers: Path | None = None,
) -> "Iterator[Backend]":
    """The backend, or a rehearsal of it; what is refused ends the command with code 2.

    Args:
        url: of the database.
        dry_run: give a rehearsal.
        as_json: the result says itself that it was one.
        create: make a SQLite file where there is none; otherwise a wrong path is refused.
        sample: begin a sample book where there is no database yet.
        tariff: the place's premium rates; without it a sample book has the sample's, a real one none.
        policies: the place's medical policy tables, likewise.
        catalogues: the place's catalogues, likewise.
        officers: list of the registered officers.
    """
    from sbcard_core.backend import Backend, Rules  # noqa: PLC0415
    from sbcard_core.medical import parse, parse_catalogue  # noqa: PLC0415
    from sbcard_core.premiums import load  # noqa: PLC0415

    meter = Meter()
    with refused_ends():
        if dry_run and create and _is_new(url):
            url = "sqlite://"
        elif not create and _is_new(url):
            advice = "check --db; `sbcard premium issue` and `sbcard bill settle` begin a new one"
            raise InvalidValue("there is no such database file", step="open", term="数据库", advice=advice)
        rules = Rules(
            policies=[parse(_text(path)) for path in policies] or None,
            catalogues=[parse_catalogue(_text(path)) for path in catalogues] or None,
            tariff=load(tariff) if tariff else None,
        )
        registered = _officers(officers) if officers else None
        with Backend.open(
            url,
            rules=rules,
            officers=registered,
            progress=lambda p: meter(p.stage, p.done, p.total),
            sample=sample,
        ) as found:
            if not dry_run:
                yield found
                return
            with found.rehearsal() as trial:
                yield trial
            if not as_json:
                say("试运行: 未作任何改动 (dry run: nothing was changed)")


@contextmanager
def refused_ends() -> Iterator[None]:
    """What is refused ends the command with code 2."""
    try:
        yield
    except (SBCardError, OSError) as error:
        raise refuse(error) from error


def _text(path: Path) -> str:
    """A table of the place.

    Raises:
        InvalidValue: it is not UTF-8.
    """
    try:
        return read_text(path)
    except UnicodeDecodeError:
        raise InvalidValue(message("medical.table_encoding", file=path.name), step="open", term="编码") from None


def _officers(path: Path) -> "Officers":
    from sbcard_core.officers import load  # noqa: PLC0415 - only where somebody approves

    return load(path)


def _file_of(url: str) -> Path | None:
    """The file of a SQLite database."""
    path = url.partition("?")[0].removeprefix("sqlite:///")
    return Path(path) if url.startswith("sqlite:///") and path not in ("", ":memory:") else None


def _is_new(url: str) -> bool:
    path = _file_of(url)
    return path is not None and not path.exists()


@contextmanager
def out_folder(out: Path, *, dry_run: bool) -> Iterator[Path]:
    """The folder for the files of a command, made if need be; in a rehearsal one that is gone afterwards."""
    if dry_run:
        with TemporaryDirectory() as folder:
            yield Path(folder)
        return
    make_folder(out)
    yield out


@contextmanager
def out_table(path: Path, db: str, *inputs: Path) -> Iterator[TextIO]:
    """A new table of a command, UTF-8; it has its name when all of it is written.

    Args:
        path: where it goes.
        db: address of the database, whose files are never written over.
        inputs: files the command reads.

    Raises:
        FileRefused: there is something already.
    """
    if clear_broken(path.parent, path.name):
        note(str(message("files.broken_off", path=str(path))))
    file = _file_of(db)
    with new_text(path, keep=[*inputs, *(database_files(file) if file else ())]) as out:
        yield out


def yuan(fen: int) -> str:
    """Fen as yuan with marks at thousands.

    Example:
        >>> yuan(123456789), yuan(-5)
        ('1,234,567.89', '-0.05')
    """
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02}"


def plain(value: Any) -> Any:
    """A result as JSON takes it: enums by name, days as text, a dataclass as an object."""
    if isinstance(value, Enum):
        return value.name
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def tell(lines: Iterable[str], data: Mapping[str, Any], *, as_json: bool, dry_run: bool = False) -> None:
    """A result, in words or as one JSON object on one line."""
    if as_json:
        mark = {"dry_run": True} if dry_run else {}
        say_json({**plain(data), **mark})
        return
    for line in lines:
        say(line)


def whole(text: str, line: int, step: str) -> int:
    """A whole number of fen in a clerk's file.

    Raises:
        InvalidValue: it is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        what, advice = f"line {line} has no whole number of fen", "120.00元 is 12000"
        if not text.isascii() and text.isdigit():
            what, advice = f"{what}: its digits are full-width (全角)", "write half-width digits (半角), 0 to 9"
        raise InvalidValue(what, step=step, term="金额", advice=advice)
    return int(text)


def amounts(table: Iterable[tuple[int, dict[str, str]]], step: str) -> Iterator[tuple[int, dict[str, str], int]]:
    """Rows with their ``amount_fen``; what is no amount is refused behind the last row, all such lines at once.

    Raises:
        InvalidValue: some lines have no whole number of fen; the first twenty are named.
    """
    bad: list[tuple[int, InvalidValue]] = []
    for line, row in table:
        try:
            fen = whole(row["amount_fen"], line, step)
        except InvalidValue as error:
            bad.append((line, error))
        else:
            yield line, row, fen
    if len(bad) == 1:
        raise bad[0][1]
    if bad:
        wide = any("全角" in error.what for _, error in bad)
        named = ", ".join(str(line) for line, _ in bad[:20]) + (", …" if len(bad) > 20 else "")
        advice = "120.00元 is 12000" + ("; some digits are full-width (全角): write 0 to 9" if wide else "")
        raise InvalidValue(
            f"{len(bad)} lines have no whole number of fen: {named}", step=step, term="金额", advice=advice
        )


def each_file(files: Iterable[Path], take: Callable[[Path], int], *, as_json: bool) -> int:
    """Take files one after the other; a refused one does not stop the others. Returns the exit code."""
    code = 0
    for path in files:
        try:
            if not path.is_file():
                raise InvalidValue(f"{path} is no file", step="read", term="文件", advice="check its name")
            code = max(code, take(path))
        except (SBCardError, OSError) as error:
            code = 2
            refuse(error)
            if as_json:
                say_json({"file": path.name, "refused": str(error)})
    return code
