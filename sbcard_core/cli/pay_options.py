"""Arguments and options that verbs of ``sbcard pay`` share."""

from pathlib import Path
from typing import Annotated

import typer

Roll = Annotated[str, typer.Argument(help="number of the roll")]
BankFiles = Annotated[Path, typer.Option(help="folder for the bank files")]
ProgrammeCode = Annotated[str, typer.Argument(help="e.g. pension, farm-subsidy")]
Period = Annotated[str, typer.Argument(help="e.g. 2014-07")]
Person = Annotated[str, typer.Argument(metavar="ID_NUMBER", help="social security number")]
Since = Annotated[str, typer.Option(help="first period, e.g. 2014-09")]
Reason = Annotated[str, typer.Option(help="why, kept with it")]
Fen = Annotated[int, typer.Argument(metavar="AMOUNT_FEN", min=1, help="in fen: 120.00元 is 12000")]
