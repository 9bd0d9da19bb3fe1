"""``sbcard pay officer-key|sign|approve``: keys of officers, and their approvals."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sbcard_core.cli.desk import AsJson, Database, DryRun, On, backend, day, refused_ends, tell
from sbcard_core.cli.pay import pay_app, show_roll
from sbcard_core.cli.pay_options import OfficerList, Roll
from sbcard_core.errors import InvalidValue
from sbcard_core.files import new_file
from sbcard_core.messages import message

if TYPE_CHECKING:
    from sbcard_core.officers import Signer

__all__ = ["pay_app"]

OfficerId = Annotated[str, typer.Option(help="registered id of the officer")]
KeyFile = Annotated[Path | None, typer.Option("--key", help="the officer's encrypted key file", dir_okay=False)]
Module = Annotated[Path | None, typer.Option("--module", help="library of a PKCS#11 token, instead of --key")]
Token = Annotated[str, typer.Option("--token", help="label of the token; the key has the officer's id as label")]
Digest = Annotated[str, typer.Option(help="digest of the content the officer has seen")]


@contextmanager
def _signer(officer: str, key: Path | None, module: Path | None, token: str) -> Iterator["Signer"]:
    """The officer's key out of a file or a token; its passphrase or PIN by prompt, or ``SBCARD_OFFICER_SECRET``."""
    from sbcard_core.officers import KeyFile, TokenKey  # noqa: PLC0415

    if (key is None) is (module is None):
        raise InvalidValue(message("officers.one_key"), step="pay.approve", term="密钥")
    if key is not None:
        yield KeyFile.read(officer, key, lambda: _secret("passphrase (口令)"))
        return
    opened = TokenKey.open(officer, str(module), token, _secret("PIN"), officer)
    try:
        yield opened
    finally:
        opened.close()


def _secret(what: str, *, twice: bool = False) -> str:
    there = os.environ.get("SBCARD_OFFICER_SECRET")
    return there or str(typer.prompt(what, hide_input=True, err=True, confirmation_prompt=twice))


@pay_app.command("officer-key", epilog="sbcard pay officer-key 430100-017 --name 李审核 --key li.pem")
def officer_key(
    officer: Annotated[str, typer.Argument(metavar="ID", help="the officer's id, e.g. a staff number")],
    name: Annotated[str, typer.Option(help="shown beside the id")],
    key: Annotated[Path, typer.Option(help="new file for the encrypted private key")],
) -> None:
    """Make an officer's key; what it prints is added to the list of officers (`--officers`)."""
    from sbcard_core.officers import Officer, new_key  # noqa: PLC0415

    with refused_ends():
        Officer(officer, name)
        private, public = new_key(_secret("passphrase (口令)", twice=True))
        with new_file(key) as stream:
            stream.write(private)
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    listed = f'[[officer]]\nid = "{officer}"\nname = "{quoted}"\npublic_key = """\n{public}"""'
    tell(listed.split("\n"), {}, as_json=False)


@pay_app.command(
    epilog="sbcard pay sign payout.repay pension:2014-07 DIGEST --officer 430100-017 --key li.pem > li.json"
)
def sign(
    kind: Annotated[str, typer.Argument(help="kind of act, as the refused step names it")],
    subject: Annotated[str, typer.Argument(help="what it is done to")],
    digest: Annotated[str, typer.Argument(help="of its content")],
    officer: OfficerId,
    key: KeyFile = None,
    module: Module = None,
    token: Token = "",
    on: On = None,
) -> None:
    """Approve an act at the officer's own machine: the approval is printed, to be handed in with `--approval`."""
    from sbcard_core.officers import Act  # noqa: PLC0415

    with refused_ends(), _signer(officer, key, module, token) as signer:
        tell([signer.approve(Act(kind, subject, digest, day(on))).to_json()], {}, as_json=False)


@pay_app.command(
    epilog="sbcard pay approve ROLL --officer 430100-017 --key li.pem --digest DIGEST --officers officers.toml "
    "--db sqlite:///books.sqlite"
)
def approve(
    roll_no: Roll,
    officer: OfficerId,
    digest: Digest,
    db: Database,
    key: KeyFile = None,
    module: Module = None,
    token: Token = "",
    officers: OfficerList = None,
    on: On = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Approve a roll with the officer's own key; it takes two officers, neither of them its drafter."""
    with backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found:
        before = found.payout.status(roll_no)
        with _signer(officer, key, module, token) as signer:
            found.payout.approve(roll_no, signer, digest, on=day(on))
        after = found.payout.status(roll_no)
        again = before.officers == after.officers
        if again and not as_json:
            tell([f"{officer} 已审批过,只计一次 (counted already; another officer is needed)"], {}, as_json=False)
        needed = found.payout.programme(after.roll.programme).approvals
        show_roll(after, as_json=as_json, dry_run=dry_run, needed=needed, counted_already=again, approvals=needed)
