"""The journal of a terminal: one line per offline purchase (脱机消费流水).

Own layout, no public one was found: UTF-8, LF, comma, a header line, no quoting
(every field is digits, hexadecimal or capital letters).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from apdu.purse import pack_datetime
from sbcard_core.errors import Refused
from sbcard_core.files import new_text, open_input
from sbcard_core.messages import message

COLUMNS: Final = (
    "terminal_no",
    "terminal_txn_no",
    "card_no",
    "factor",
    "city",
    "offline_no",
    "amount_fen",
    "type",
    "at",
    "key_version",
    "algorithm",
    "tac",
)
HEADER: Final = ",".join(COLUMNS)
LINE_MAX_BYTES: Final = 512
"""Longest line read; a good one has some 90 bytes."""

_LINE: Final = re.compile(
    rb"([0-9A-Fa-f]{12}),([0-9]{1,10}),([0-9A-Z]{9}),([0-9A-Fa-f]{16}),([0-9]{6}),([0-9]{1,5}),([0-9]{1,10}),"
    rb"([0-9]{1,3}),([0-9]{14}),([0-9]{1,3}),([0-9]{1,3}),([0-9A-Fa-f]{8})"
)
_BLANK: Final = b" \t\x1a"
"""What old programs leave behind the last line."""
_AMOUNT_COLUMN: Final = COLUMNS.index("amount_fen")
_AMOUNT_MAX_FEN: Final = 0xFFFFFFFF  # 4 bytes on the card
_TXN_MAX: Final = 0xFFFFFFFF


class JournalRefused(Refused):
    """The file is not a terminal journal; nothing was cleared."""


class PurchaseRecordLike(Protocol):
    """What a terminal hands over: ``readers.pos.PurchaseRecord`` has this shape."""

    @property
    def terminal_no(self) -> bytes | str: ...
    @property
    def terminal_txn_no(self) -> int: ...
    @property
    def card_no(self) -> str: ...
    @property
    def factor(self) -> bytes | str: ...
    @property
    def city(self) -> str: ...
    @property
    def offline_no(self) -> int: ...
    @property
    def amount_fen(self) -> int: ...
    @property
    def type(self) -> int: ...
    @property
    def at(self) -> datetime | str: ...
    @property
    def key_version(self) -> int: ...
    @property
    def algorithm(self) -> int: ...
    @property
    def tac(self) -> bytes | str: ...


@dataclass(frozen=True, slots=True)
class Purchase:
    """One readable line of a journal; hexadecimal in upper case.

    Attributes:
        line: 1-based line in the file; the header is line 1.
        terminal_no: 终端机编号, 6 bytes as 12 hexadecimal digits.
        at: the terminal's time, ``YYYYMMDDHHMMSS``.
        factor: 8 bytes as 16 hexadecimal digits.
    """

    line: int
    terminal_no: str
    terminal_txn_no: int
    card_no: str
    factor: str
    city: str
    offline_no: int
    amount_fen: int
    type: int
    at: str
    key_version: int
    algorithm: int
    tac: bytes


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that is not a purchase; ``amount_fen`` is 0 where even the amount cannot be read."""

    line: int
    amount_fen: int


def write_journal(path: Path, records: Iterable[PurchaseRecordLike]) -> int:
    """Write purchases as a journal and return how many there were.

    Bytes may be given as bytes or as hexadecimal text, the time as ``YYYYMMDDHHMMSS`` or as ``datetime``: one with a
    zone is written in China Standard Time, as its TAC was computed.
    """
    count = 0
    with new_text(path) as file:
        file.write(HEADER + "\n")
        for r in records:
            at = r.at if isinstance(r.at, str) else pack_datetime(r.at).hex()
            file.write(
                f"{_hex(r.terminal_no)},{r.terminal_txn_no},{r.card_no},{_hex(r.factor)},{r.city},{r.offline_no},"
                f"{r.amount_fen},{int(r.type)},{at},{int(r.key_version)},{int(r.algorithm)},{_hex(r.tac)}\n"
            )
            count += 1
    return count


def _hex(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.hex().upper()


def digest(path: Path) -> str:
    """SHA-256 of the file, hexadecimal: what makes a second delivery recognisable under any name."""
    whole = sha256()
    with open_input(path) as file:
        while block := file.read(1 << 20):
            whole.update(block)
    return whole.hexdigest()


def read_journal(path: Path) -> Iterator[Purchase | Unreadable]:
    """Read a journal line by line; an unreadable line is reported in its place, never skipped.

    Blank lines behind the last record are none.

    Raises:
        JournalRefused: the first line is not the header.
    """
    with open_input(path) as file:
        if file.readline(LINE_MAX_BYTES).rstrip(b"\r\n").removeprefix(b"\xef\xbb\xbf") != HEADER.encode():
            found = message("clearing.header", file=path.name)
            raise JournalRefused(found, step="clearing.read_journal", term="终端流水文件")
        behind = 2  # the line behind the last one that is not blank
        for number, line in enumerate(_lines(file.readline), start=2):
            if line.strip(_BLANK):
                yield from (Unreadable(blank, 0) for blank in range(behind, number))
                yield parse_line(line, number)
                behind = number + 1


def _lines(readline: Callable[[int], bytes]) -> Iterator[bytes]:
    while line := readline(LINE_MAX_BYTES):
        tail = line
        while tail and not tail.endswith(b"\n"):  # overlong: read on to its end, keep only the beginning
            tail = readline(LINE_MAX_BYTES)
        yield line.rstrip(b"\r\n")


def parse_line(line: bytes, number: int) -> Purchase | Unreadable:
    """Read one line without its line end.

    Example:
        >>> parse_line(b"001122334455,7,B00000019,8649542600028141,430100,1,100,6,20140731093000,1,0,0011AABB", 2).at
        '20140731093000'
        >>> parse_line(b"001122334455,7,B00000019,?,430100,1,100,6,20140731093000,1,0,0011AABB", 3)
        Unreadable(line=3, amount_fen=100)
    """
    match = _LINE.fullmatch(line)
    if match is None:
        return Unreadable(number, _amount_of(line))
    terminal, txn, card, factor, city, offline, fen, type_, at, version, algorithm, tac = match.groups()
    purchase = Purchase(
        number,
        terminal.decode().upper(),
        int(txn),
        card.decode(),
        factor.decode().upper(),
        city.decode(),
        int(offline),
        int(fen),
        int(type_),
        at.decode(),
        int(version),
        int(algorithm),
        bytes.fromhex(tac.decode()),
    )
    return purchase if _in_range(purchase) else Unreadable(number, _amount_of(line))


def _in_range(p: Purchase) -> bool:
    if not (0 < p.amount_fen <= _AMOUNT_MAX_FEN and p.terminal_txn_no <= _TXN_MAX and p.type <= 0xFF):
        return False
    try:
        datetime.fromisoformat(f"{p.at[:8]}T{p.at[8:]}")
    except ValueError:
        return False
    return p.offline_no <= 0xFFFF


def _amount_of(line: bytes) -> int:
    fields = line.split(b",")
    if len(fields) <= _AMOUNT_COLUMN or not re.fullmatch(rb"[0-9]{1,10}", fields[_AMOUNT_COLUMN]):
        return 0
    fen = int(fields[_AMOUNT_COLUMN])
    return fen if fen <= _AMOUNT_MAX_FEN else 0
