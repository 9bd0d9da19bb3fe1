"""``sbcard clear journal|held|release|return``: offline purchases of terminals, and what lies in suspense."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sbcard_core.cli.desk import EXIT_CODES, AsJson, Database, DryRun, On, backend, day, each_file, plain, tell, yuan
from sbcard_core.cli.pay_options import Approvals, OfficerList, Reason, approvals
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

if TYPE_CHECKING:
    from sbcard_core.backend import Backend
    from sbcard_core.clearing import Exit, KeyVersions

clear_app = typer.Typer(no_args_is_help=True, help=f"Offline purchases (脱机消费清算). {EXIT_CODES}")

Source = Annotated[str, typer.Argument(help="the journal, as `sbcard clear held` lists it")]
Lines = Annotated[list[int], typer.Argument(help="lines of it", min=1)]


def _key_file(text: str) -> tuple[int | None, date, Path]:
    """A key store as an option names it: a file for every card, or ``VERSION:FIRST-DAY:FILE``."""
    version, _, rest = text.partition(":")
    first, _, file = rest.partition(":")
    if not (version.isascii() and version.isdigit() and file):
        return None, date.min, Path(text)
    try:
        return int(version), date.fromisoformat(first), Path(file)
    except ValueError as error:
        raise InvalidValue(message("clearing.key_option"), step="clear.journal", term="密钥版本") from error


@contextmanager
def _keys(given: list[str], *, simulator: bool) -> "Iterator[KeyVersions]":
    """The master keys of the options, wiped afterwards; a passphrase by prompt, or ``SBCARD_KEYS_SECRET``."""
    from sbcard_core.clearing.keys import AnyVersion, KeyVersion, KeyVersions  # noqa: PLC0415
    from sbcard_core.crypto import keyfile  # noqa: PLC0415

    named = [_key_file(text) for text in given]
    if len(named) > 1 and any(version is None for version, _, _ in named):
        raise InvalidValue(message("clearing.key_option"), step="clear.journal", term="密钥版本")
    with ExitStack() as opened:
        versions = []
        for version, first, file in named:
            if not file.is_file():
                raise InvalidValue(message("clearing.no_keys", file=file.name), step="clear.journal", term="密钥库")
            secret = os.environ.get("SBCARD_KEYS_SECRET") or typer.prompt(
                f"{file.name} (口令)", hide_input=True, err=True
            )
            keys = opened.enter_context(keyfile.load(file, str(secret), simulator=simulator))
            if version is None:
                yield AnyVersion(keys)
                return
            versions.append(KeyVersion(version, first, keys))
        yield KeyVersions(versions)


@clear_app.command(epilog="sbcard clear journal T1.csv --keys issuer.keys --db sqlite:///books.sqlite --dry-run")
def journal(
    files: Annotated[list[Path], typer.Argument(help="journals of terminals (终端流水)")],
    keys: Annotated[
        list[str],
        typer.Option("--keys", metavar="FILE", help="key store; once per version: VERSION:FIRST-DAY:FILE"),
    ],
    db: Database,
    again: Annotated[str, typer.Option(help="why lines in suspense are checked once more, e.g. a wrong key")] = "",
    on: On = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Check purchases and pay their merchants; what cannot be paid goes to suspense. Exit code 1: some did."""
    from sbcard_core.clearing import clear_journal  # noqa: PLC0415

    with (
        backend(db, dry_run=dry_run, as_json=as_json, create=True) as found,
        _keys(keys, simulator=found.store.is_sample) as versions,
    ):

        def take(path: Path) -> int:
            report = clear_journal(
                *(found.store, found.ledger, path, versions),
                on=day(on),
                eligibility=found.eligibility,
                again=again,
            )
            counts = {status.name: count for status, count in sorted(report.statuses.items())}
            lines = [
                f"{report.source}{' 已读过 (read before)' if report.repeated else ''}",
                f"  付商户 {yuan(report.cleared_fen)} 元,{report.cleared:,} 笔;"
                f"挂账 {yuan(report.suspended_fen)} 元,{report.suspended:,} 笔",
                *(f"  {status.message.zh} {count:,}" for status, count in sorted(report.statuses.items())),
            ]
            data = {"source": report.source, "repeated": report.repeated, "statuses": counts}
            data |= {"cleared_fen": report.cleared_fen, "suspended_fen": report.suspended_fen}
            tell(lines, data, as_json=as_json, dry_run=dry_run)
            return int(report.suspended > 0)

        code = each_file(files, take, as_json=as_json)
    if code:
        raise typer.Exit(code)


@clear_app.command(epilog="sbcard clear held --db sqlite:///books.sqlite")
def held(
    db: Database,
    source: Annotated[str | None, typer.Option(help="only this journal")] = None,
    as_json: AsJson = False,
) -> None:
    """List what lies in suspense (挂账), with every verdict. Exit code 1: something does."""
    from sbcard_core import clearing  # noqa: PLC0415

    with backend(db) as found:
        there = clearing.held(found.store, source)
        past = clearing.verdicts_many(found.store, [(one.source, one.line) for one in there]).values()
        lines = [
            f"{one.source}\t{one.line}\t{one.terminal_no or '-'} {one.terminal_txn_no}\t{one.at}\t{one.card_no}\t"
            f"{yuan(one.amount_fen)} 元\t{one.status.message.zh}" + (f" ({len(verdicts)})" if len(verdicts) > 1 else "")
            for one, verdicts in zip(there, past, strict=True)
        ]
        data = [{**plain(one), "verdicts": plain(verdicts)} for one, verdicts in zip(there, past, strict=True)]
        tell(lines or ["没有挂账 (nothing lies in suspense)"], {"held": data}, as_json=as_json)
    if there:
        raise typer.Exit(1)


def _leave(
    found: "Backend", way: "Exit", source: str, lines: list[int], reason: str, on: date, signed: list[Path] | None
) -> tuple[list[str], dict[str, object]]:
    """Take lines out of suspense; what to show of it."""
    from sbcard_core.clearing import Exit, held, leave_suspense  # noqa: PLC0415

    there = {one.line: one for one in held(found.store, source)}
    missing = sorted(set(lines) - there.keys())
    if missing:
        what = message("clearing.not_held", source=source, line=missing[0])
        raise InvalidValue(what, step="clear", term="挂账处理")
    chosen = [there[line] for line in sorted(set(lines))]
    fen = leave_suspense(
        *(found.store, found.ledger, found.officers, way, chosen), reason=reason, on=on, signers=approvals(signed)
    )
    data = {"source": source, "lines": [one.line for one in chosen], "way": way, "amount_fen": fen}
    done = "付商户" if way is Exit.RELEASE else "退回备付金"
    return [f"{done} {yuan(fen)} 元,{len(chosen)} 笔 ({reason})"], data


@clear_app.command(
    epilog="sbcard clear release SOURCE 4 7 --reason 商户已核实 --approval li.json --approval wang.json "
    "--officers officers.toml --db sqlite:///books.sqlite"
)
def release(
    source: Source,
    lines: Lines,
    reason: Reason,
    db: Database,
    approval: Approvals = None,
    officers: OfficerList = None,
    on: On = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Pay lines in suspense to their merchants, by two officers. Without approvals: what they have to sign."""
    from sbcard_core.clearing import Exit  # noqa: PLC0415

    with backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found:
        done = _leave(found, Exit.RELEASE, source, lines, reason, day(on), approval)
        tell(*done, as_json=as_json, dry_run=dry_run)


@clear_app.command(
    "return",
    epilog="sbcard clear return SOURCE 5 --reason 无法核实 --approval li.json --approval wang.json "
    "--officers officers.toml --db sqlite:///books.sqlite",
)
def return_(
    source: Source,
    lines: Lines,
    reason: Reason,
    db: Database,
    approval: Approvals = None,
    officers: OfficerList = None,
    on: On = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give lines in suspense back to the float of the purses, by two officers. Without approvals: what they sign."""
    from sbcard_core.clearing import Exit  # noqa: PLC0415

    with backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found:
        done = _leave(found, Exit.RETURN, source, lines, reason, day(on), approval)
        tell(*done, as_json=as_json, dry_run=dry_run)
