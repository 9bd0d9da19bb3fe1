"""Arguments and options that verbs of ``sbcard pay`` share."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sbcard_core.files import read_text

if TYPE_CHECKING:
    from sbcard_core.officers import Approval

Roll = Annotated[str, typer.Argument(help="number of the roll")]
BankFiles = Annotated[Path, typer.Option(help="folder for the bank files")]
ProgrammeCode = Annotated[str, typer.Argument(help="e.g. pension, farm-subsidy")]
Period = Annotated[str, typer.Argument(help="e.g. 2014-07")]
Person = Annotated[str, typer.Argument(metavar="ID_NUMBER", help="social security number")]
Since = Annotated[str, typer.Option(help="first period, e.g. 2014-09")]
Reason = Annotated[str, typer.Option(help="why, kept with it")]
Fen = Annotated[int, typer.Argument(metavar="AMOUNT_FEN", min=1, help="in fen: 120.00元 is 12000")]
Decision = Annotated[str, typer.Option(help="number of the decision (决定书文号)")]
PayOn = Annotated[
    datetime | None,
    typer.Option("--pay-on", formats=["%Y-%m-%d"], help="day of payment; default the programme's own in the period"),
]
Approvals = Annotated[
    list[Path] | None,
    typer.Option(
        "--approval",
        help="what an officer signed with `sbcard pay sign`; once per officer",
        exists=True,
        dir_okay=False,
    ),
]
OfficerList = Annotated[
    Path | None,
    typer.Option(
        "--officers", help="TOML: the registered officers", envvar="SBCARD_OFFICERS", exists=True, dir_okay=False
    ),
]


def approvals(paths: Iterable[Path] | None) -> "list[Approval]":
    """What officers signed, from files."""
    from sbcard_core.officers import Approval  # noqa: PLC0415

    return [Approval.from_json(read_text(path)) for path in paths or ()]
