"""Recorded sessions: one text line for a command, an answer or a reset.

JSON Lines in UTF-8, one object a line:

    {"dir": ">", "hex": "00B2010412", "slot": "card", "note": "read 卡识别码"}
    {"dir": "<", "hex": "0110...9000", "elapsed": 0.0123, "slot": "card"}
    {"dir": "!", "hex": "3B6D0000...", "slot": "card"}

``>`` command, ``<`` answer, ``!`` answer to reset. ``elapsed`` is in seconds, by the caller's clock. A command
without an answer is one that lost its card. Only the data of instructions on an allow-list reach a sink
(:mod:`apdu.scrub`): no PIN and no key; those are as open as the redactor leaves them, and personal data are there
without one.
"""

import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from apdu.channel import CardChannel
from apdu.errors import TraceMalformed
from apdu.scrub import Scrubber
from sbcard_core.files import read_input
from sbcard_core.messages import message

MAX_LINE = 200_000
"""Most characters of one line: an extended command in hex, and room."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command and its answer, or one reset.

    Args:
        command: as sent; None for a reset, whose ``answer`` is the ATR.
        answer: as received; None when the card was lost.
        elapsed: seconds between both, None where nobody measured.
        slot: where the card sits, e.g. ``"card"`` or ``"psam"``.
        note: anything a reader of the trace should know.
    """

    command: bytes | None = field(repr=False)
    answer: bytes | None = field(repr=False)
    elapsed: float | None = None
    slot: str = ""
    note: str = ""

    def lines(self) -> list[str]:
        """One line for each direction, without line ends."""
        out = []
        if self.command is not None:
            out.append(self._line(">", self.command, None, self.note))
        if self.answer is not None:
            first = self.command is None
            out.append(self._line("!" if first else "<", self.answer, self.elapsed, self.note if first else ""))
        return out

    def _line(self, direction: str, data: bytes, elapsed: float | None, note: str) -> str:
        row: dict[str, object] = {"dir": direction, "hex": data.hex().upper()}
        if elapsed is not None:
            row["elapsed"] = round(elapsed, 6)
        if self.slot:
            row["slot"] = self.slot
        if note:
            row["note"] = note
        return json.dumps(row, ensure_ascii=False)


Sink = Callable[[str], None]
Redactor = Callable[[Exchange], Exchange]


class RecordingChannel:
    """Record what passes.

    Secrets are replaced first, whatever the redactor does; the redactor then sees each exchange whole and gives back
    what may be written. A redactor or sink that fails never costs the caller a card's answer: nothing of that exchange
    is written, the recording ends there, and ``failure`` holds the error.

    Args:
        inner: the channel to wrap.
        sink: takes one line, without its end.
        clock: seconds, any zero, e.g. ``time.monotonic``; None leaves the times out.
        slot: name of the slot.
        redact: see ``sbcard_core.card.redact``; None records everything but the secrets.
        atr: the card's answer to reset, recorded first.

    Example:
        >>> class Card:
        ...     def transmit(self, command: bytes) -> bytes:
        ...         return bytes.fromhex("63C2")
        >>> lines: list[str] = []
        >>> RecordingChannel(Card(), lines.append, slot="card").transmit(bytes.fromhex("0020000003123456")).hex()
        '63c2'
        >>> print(*lines, sep=chr(10))
        {"dir": ">", "hex": "0020000003000000", "slot": "card"}
        {"dir": "<", "hex": "63C2", "slot": "card"}
    """

    def __init__(
        self,
        inner: CardChannel,
        sink: Sink,
        *,
        clock: Callable[[], float] | None = None,
        slot: str = "",
        redact: Redactor | None = None,
        atr: bytes | None = None,
    ) -> None:
        self._inner = inner
        self._sink = sink
        self._clock = clock
        self._slot = slot
        self._redact = redact
        self._scrubber = Scrubber()
        self._note = ""
        self.failure: Exception | None = None
        if atr is not None:
            self.reset(atr)

    @property
    def atr(self) -> bytes | None:
        """The answer to reset of the channel inside, where it has one."""
        found: bytes | None = getattr(self._inner, "atr", None)
        return found

    def reset(self, atr: bytes) -> None:
        """Record that the card was reset."""
        self._scrubber = Scrubber()
        self._write(Exchange(None, bytes(atr), slot=self._slot))

    def note(self, text: str) -> None:
        """A note for the next command."""
        self._note = text

    def transmit(self, command: bytes) -> bytes:
        """Pass a command on and record both directions, also when the card is lost."""
        start = self._clock() if self._clock else 0.0
        answer: bytes | None = None
        try:
            answer = self._inner.transmit(command)
        finally:
            elapsed = self._clock() - start if self._clock else None
            note, self._note = self._note, ""
            shown = self._scrubber.command(command)
            said = None if answer is None else self._scrubber.answer(answer)
            self._write(Exchange(shown, said, elapsed, self._slot, note))
        return answer

    def _write(self, exchange: Exchange) -> None:
        if self.failure is not None:
            return
        try:
            lines = (exchange if self._redact is None else self._redact(exchange)).lines()
            for line in lines:
                self._sink(line)
        except Exception as error:  # a debit's answer is worth more than a trace
            self.failure = error


def read(path: Path) -> list[Exchange]:
    """Read a trace file: UTF-8, or UTF-16 with its mark, as some shells redirect output.

    Raises:
        OSError: it cannot be read.
        FileRefused: no regular file, or a very large one.
        TraceMalformed: see :func:`parse`; or it is no text.
    """
    raw = read_input(path)
    try:
        text = raw.decode("utf-16" if raw[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) else "utf-8-sig")
    except UnicodeDecodeError:
        raise TraceMalformed(message("cards.trace.text"), step="trace") from None
    return list(parse(text.split("\n")))


def parse(lines: Iterable[str]) -> Iterator[Exchange]:
    """Read a trace back, slot by slot in the order of the answers.

    Raises:
        TraceMalformed: a line that is not one of the three kinds, or an answer without its command.

    Example:
        >>> [exchange] = parse(['{"dir": ">", "hex": "0084000008"}', '{"dir": "<", "hex": "6D00", "elapsed": 0.5}'])
        >>> exchange.command.hex(), exchange.answer.hex(), exchange.elapsed
        ('0084000008', '6d00', 0.5)
    """
    waiting: dict[str, Exchange] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        direction, data, elapsed, slot, note = _row(line, number)
        before = waiting.pop(slot, None)
        if direction == "<":
            if before is None:
                raise TraceMalformed(message("cards.trace.answer"), step=f"trace, line {number}")
            yield replace(before, answer=data, elapsed=elapsed)
            continue
        if before is not None:
            yield before
        if direction == ">":
            waiting[slot] = Exchange(data, None, None, slot, note)
        else:
            yield Exchange(None, data, elapsed, slot, note)
    yield from waiting.values()


def _row(line: str, number: int) -> tuple[str, bytes, float | None, str, str]:
    step = f"trace, line {number}"
    if len(line) > MAX_LINE:
        raise TraceMalformed(message("cards.trace.long"), step=step)
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise TraceMalformed(message("cards.trace.json"), step=step) from None
    if not isinstance(row, dict):
        raise TraceMalformed(message("cards.trace.json"), step=step)
    direction, text, elapsed = row.get("dir"), row.get("hex"), row.get("elapsed")
    slot, note = row.get("slot", ""), row.get("note", "")
    if direction not in (">", "<", "!") or not (
        isinstance(text, str) and isinstance(slot, str) and isinstance(note, str)
    ):
        raise TraceMalformed(message("cards.trace.form"), step=step)
    if elapsed is not None and (isinstance(elapsed, bool) or not isinstance(elapsed, (int, float))):
        raise TraceMalformed(message("cards.trace.elapsed"), step=step)
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise TraceMalformed(message("cards.trace.hex"), step=step) from None
    return direction, data, None if elapsed is None else float(elapsed), slot, note


def redacted(exchanges: Iterable[Exchange], redact: Redactor) -> Iterator[Exchange]:
    """Redact a trace that was recorded openly; secrets that an older program left in it go as well."""
    scrubbers: dict[str, Scrubber] = {}
    for exchange in exchanges:
        scrubber = scrubbers.setdefault(exchange.slot, Scrubber())
        if exchange.command is not None:
            command = scrubber.command(exchange.command)
            answer = None if exchange.answer is None else scrubber.answer(exchange.answer)
            exchange = replace(exchange, command=command, answer=answer)  # noqa: PLW2901
        yield redact(exchange)
