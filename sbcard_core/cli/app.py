"""Commands of ``sbcard``: each a thin call of one room."""

import sys
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from sbcard_core import __version__
from sbcard_core.cli.progress import RichMeter, console
from sbcard_core.errors import InvalidValue, SBCardError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def root() -> None:
    """sbcard-core: 社会保障卡 card lifecycle and transaction backend."""


@app.command()
def version() -> None:
    """Print the version and the level each kernel runs at here."""
    from sbcard_core import _kernels  # noqa: PLC0415

    levels = ", ".join(f"{name} {_kernels.choose(name)[1]}" for name in ("idcheck", "des", "sm4"))
    typer.echo(f"sbcard-core {__version__}; kernels: {levels}")


def _scale(text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise InvalidValue("the scale is a number such as 0.001 or 1/1000", step="replay", term="比例") from error


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
            else:
                runner.all()
    except SBCardError as error:
        console.print(f"sbcard: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error
    lines = proof.load(campaign)
    for line in lines:
        console.print(f"{'[ok]  ' if line.ok else '[FAIL]'} {line.text}", markup=False, highlight=False, soft_wrap=True)
    console.print("\nOpen these:", highlight=False)
    for path in proof.products(campaign):
        console.print(f"  {path}", markup=False, highlight=False, soft_wrap=True)
    if not all(line.ok for line in lines):
        sys.exit(1)
