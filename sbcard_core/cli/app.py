"""Commands of ``sbcard``: each a thin call of one room."""

import sys
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sbcard_core import __version__
from sbcard_core.cli.agency import premium_app
from sbcard_core.cli.bill import bill_app
from sbcard_core.cli.card import card_app
from sbcard_core.cli.clearing import clear_app
from sbcard_core.cli.progress import RichMeter
from sbcard_core.cli.recovering import pay_app
from sbcard_core.cli.say import note, refuse, say
from sbcard_core.errors import InvalidValue, SBCardError
from sbcard_core.messages import message, printable


class _Commands(TyperGroup):
    """The command tree: Ctrl-C anywhere ends with code 130; a refused argument is shown without control characters."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            note("sbcard: 已中断,再次执行同一命令即可继续 (broken off: run the same command again)")
            raise typer.Exit(130) from error
        except Exception as error:
            if isinstance(shown := getattr(error, "message", None), str):  # a refused argument, with its text
                error.message = printable(shown)  # type: ignore[attr-defined]
            raise


app = typer.Typer(cls=_Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(card_app, name="card")
app.add_typer(pay_app, name="pay")
app.add_typer(bill_app, name="bill")
app.add_typer(premium_app, name="premium")
app.add_typer(clear_app, name="clear")


@app.callback()
def root() -> None:
    """sbcard-core: 社会保障卡 card lifecycle and transaction backend."""


@app.command()
def version() -> None:
    """Print the version and the level each kernel runs at here."""
    from sbcard_core import _kernels  # noqa: PLC0415

    kernels = ("apdu", "dedupe", "des", "idcheck", "screen", "sm4")
    levels = ", ".join(f"{name} {_kernels.choose(name)[1]}" for name in kernels)
    say(f"sbcard-core {__version__}; kernels: {levels}")


def _scale(text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise InvalidValue(message("replay.scale"), step="replay", term="比例") from error


@app.command()
def replay(
    name: Annotated[str, typer.Argument(help="the campaign, e.g. hunan-2014-07")] = "hunan-2014-07",
    out: Annotated[Path | None, typer.Option(help="directory for everything it makes; default out/NAME")] = None,
    seed: Annotated[int, typer.Option(help="chooses the synthetic people and what happens to them")] = 1,
    scale: Annotated[str, typer.Option(help="synthetic people per real person")] = "0.001",
    stage: Annotated[str | None, typer.Option(help="run this stage again, alone")] = None,
    since: Annotated[str | None, typer.Option("--from", help="run this stage and all after it again")] = None,
    keep_states: Annotated[bool | None, typer.Option(help="keep the database after each stage")] = None,
) -> None:
    """Replay a month of a province with synthetic people, from collected file to bulletin and proof."""
    from sbcard_core.bulletin import letter  # noqa: PLC0415
    from sbcard_core.replay import proof  # noqa: PLC0415
    from sbcard_core.replay.campaign import Campaign  # noqa: PLC0415
    from sbcard_core.replay.run import Runner  # noqa: PLC0415

    try:
        campaign = Campaign(letter.load(name), seed, _scale(scale), out or Path("out") / name)
        with RichMeter() as meter:
            runner = Runner(campaign, meter, keep_states)
            if stage:
                runner.one(stage)
            elif since:
                runner.since(since)
            elif runner.all():
                note(str(message("files.broken_off", path=str(campaign.root))))
    except SBCardError as error:
        say(f"sbcard: {error}", style="red")
        raise typer.Exit(2) from error
    lines = proof.load(campaign) if runner.is_finished else []
    for line in lines:
        say(f"{'[ok]  ' if line.ok else '[FAIL]'} {line.text}")
    say("")
    say("Open these:")
    for path in proof.products(campaign):
        say(f"  {path}")
    if not all(line.ok for line in lines):
        sys.exit(1)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="collected files: CSV, TSV, Excel, DBF, Parquet", exists=True)],
    spec: Annotated[str, typer.Option(help="the record layout")] = "collection",
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="day of the check; default today")] = None,
    submitter: Annotated[str, typer.Option(help="six-digit code of the city or county that sent the files")] = "",
    known: Annotated[Path | None, typer.Option(help="numbers registered already, one a line", exists=True)] = None,
    repairs: Annotated[str, typer.Option(help="changes of form made at once: ask, form or lossless")] = "form",
    out: Annotated[Path, typer.Option(help="folder for all results")] = Path("out/check"),
    cap: Annotated[
        int | None, typer.Option(help="findings listed per file and code; all are counted and sent back", min=1)
    ] = None,
    workers: Annotated[int, typer.Option(help="processes that judge", min=1)] = 1,
) -> None:
    """Check collected files: findings, accepted records, quarantine and workbooks to send back.

    Accepted records of a.csv lie in accepted/a.csv, those of a.xlsx in accepted/a.xlsx.csv.

    Exit code 0: nothing was refused; 1: records were refused; 2: the call itself was refused.
    """
    from sbcard_core.cli import checking  # noqa: PLC0415

    try:
        day = on.date() if on else date.today()  # noqa: DTZ011 - the clerk's own day
        if repairs not in list(checking.Repairs):
            raise InvalidValue("repairs are ask, form or lossless", step="check", term="自动改正")
        chosen = checking.Repairs(repairs)
        request = checking.Request(files, checking.layout(spec), day, out, submitter, known, chosen, cap, workers)
        outcome = checking.run(request, checking.stderr_ticker())
    except (SBCardError, OSError) as error:
        raise refuse(error) from error
    for line in checking.report(outcome, out):
        say(line)
    if not outcome.is_clean:
        raise typer.Exit(1)


@app.command()
def corrections(
    workbooks: Annotated[list[Path], typer.Argument(help="corrected workbooks that came back", exists=True)],
    checked: Annotated[Path, typer.Option(help="folder of the check that made them")] = Path("out/check"),
    spec: Annotated[str, typer.Option(help="the record layout")] = "collection",
    out: Annotated[Path, typer.Option(help="folder for the corrected records")] = Path("out/corrections"),
) -> None:
    """Read corrected workbooks back: only corrected records are taken, ready for the next check.

    Exit code 0: all was taken; 1: some rows were not, or not as they were sent; 2: a workbook was refused.
    """
    from sbcard_core.cli import checking  # noqa: PLC0415

    noticed = False
    try:
        sums = checking.digests(checked)
        for book, target in zip(workbooks, checking.corrected_names(workbooks, out), strict=True):
            read = checking.take_back(book, sums, checking.layout(spec), target)
            say(f"{book.name}: 共 {read.listed:,} 条,更正 {len(read.rows):,},未改 {read.unchanged:,} -> {target}")
            for line in checking.notices(read):
                say(line)
            noticed = noticed or bool(read.notices)
    except (SBCardError, OSError) as error:
        raise refuse(error) from error
    if noticed:
        raise typer.Exit(1)
