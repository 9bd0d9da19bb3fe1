"""Take the person out of a recorded session, and leave a session that still reads, checks and replays.

Every value keeps its length and its kind: citizen numbers and card numbers a right (or wrong) check character, sex and
year of birth; names their number of characters; account numbers their issuer and Luhn digit; digits stay digits,
padding stays padding. One value becomes the same other value everywhere in traces of one salt: ATR and PSAM factors,
identification code and its serial, birth date and citizen number go on agreeing.

Everything is replaced except what a list allows: the instructions that ``apdu.catalogue`` marks ``recorded`` (which
keeps PINs and keys out of every trace before, ``apdu.scrub``), and of their records the tags named here, where the
value also has the shape its tag says. Amounts, counters, MACs, TACs, challenges and status words stay: torn
transactions are argued from them. Who holds the salt can test a guess against a redacted value: throw it away
afterwards.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from apdu import tlv
from apdu.atr import ATR
from apdu.catalogue import find
from apdu.command import CommandAPDU
from apdu.errors import MalformedData
from apdu.trace import Exchange
from sbcard_core.card import redact_values
from sbcard_core.card.redact_values import PADDING, Blur
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

_BCD = rb"(?:[\x00-\x09\x10-\x19\x20-\x29\x30-\x39\x40-\x49\x50-\x59\x60-\x69\x70-\x79\x80-\x89\x90-\x99])"
KEPT_TAGS = {
    0x02: re.compile(rb"[0-9A-Z]"),
    0x03: re.compile(rb"[0-9]\.[0-9]{2}"),
    0x04: re.compile(rb"(?=[^\n]{12}\Z)(?![0-9]{6})" + _BCD + rb"*\xff*"),
    0x05: re.compile(rb"[\x19\x20]" + _BCD + rb"{3}"),
    0x06: re.compile(rb"[\x19\x20\x21\x99]" + _BCD + rb"{3}"),
    0x0A: re.compile(rb"[0-9]"),
    0x0B: re.compile(_BCD),
}
"""Card class, version, initialising institution, dates of the card, sex, ethnicity: none of them names a person.

A value is kept only where it also has the shape its tag says: a regional card may use the tag for something else."""
KEPT_BANK_TAGS = frozenset(
    {0x5F24, 0x5F25, 0x5F28, 0x5F30, 0x5F34, 0x8C, 0x8D, 0x8E, 0x8F, 0x9F07, 0x9F08, 0x9F0D, 0x9F0E, 0x9F0F}
    | {0x9F42, 0x9F44, 0x9F49, 0x9F4A}
)
KEPT_FCI_TAGS = {0x80: 4, 0x81: 4, 0x82: 5, 0x83: 2, 0x87: 1, 0x88: 1, 0x8A: 1, 0x9F11: 1}
"""Sizes, kinds and identifiers of files, with their most bytes; names are kept where they were asked for."""
_LABEL = re.compile(rb"[A-Za-z. ]{1,16}")
_MOST_FEN = 10**8
"""A larger amount in a log record is taken for text: the smallest four characters are eight times as much."""

_FACTOR, _HISTORICAL = 8, 13
_PREPARE, _PURCHASE_PREPARE, _PURCHASE_HEAD = frozenset({0x1A, 0xDE}), 0x70, 20
_READ_RECORD, _READ_BINARY, _GET_DATA, _SELECT = 0xB2, 0xB0, 0xCA, 0xA4
_UPDATE_RECORD, _APPEND_RECORD, _UPDATE_BINARY = 0xDC, 0xE2, 0xD6
_MAC = 4
_NUMBER = re.compile(r"[A-Z]?[0-9]{6,}[0-9Xx]?")


class TraceRedactor:
    """A redactor for :class:`apdu.trace.RecordingChannel` and :func:`apdu.trace.redacted`, for all slots of a trace.

    Args:
        salt: random bytes, 16 or more; the same salt gives the same replacements.
        keep_notes: keep notes, with their numbers of six digits and more replaced; without it they are dropped.

    Raises:
        InvalidValue: a shorter salt.

    Example:
        >>> redact = TraceRedactor(bytes(16))
        >>> read = Exchange(bytes.fromhex("00B2073000"), b"\\x07\\x09X00000019" + bytes.fromhex("9000"))
        >>> shown = redact(read).answer
        >>> len(shown), shown[:2].hex(), b"X00000019" in shown
        (13, '0709', False)
    """

    def __init__(self, salt: bytes, *, keep_notes: bool = False) -> None:
        if len(salt) < 16:
            raise InvalidValue(message("cards.redact.salt"), step="card.redact")
        self._blur = Blur(bytes(salt))
        self._keep_notes = keep_notes
        self._known: dict[bytes, bytes] = {}
        self._pending: dict[str, CommandAPDU] = {}

    def __call__(self, exchange: Exchange) -> Exchange:
        """One exchange without its person."""
        if exchange.command is None:
            return replace(exchange, answer=self._atr(exchange.answer or b""), note=self._note(exchange.note))
        command = _decoded(exchange.command)
        asked = self._asked(exchange.slot, command)
        answer = exchange.answer
        if answer is not None and len(answer) > 2:
            answer = self._answer(asked, answer[:-2]) + answer[-2:]
        sent = self._command(command, exchange.command)
        return replace(exchange, command=sent, answer=answer, note=self._note(exchange.note))

    # --- commands

    def _asked(self, slot: str, command: CommandAPDU | None) -> CommandAPDU | None:
        """The command an answer belongs to: GET RESPONSE carries on the one before."""
        if command is not None and command.ins == 0xC0:
            return self._pending.get(slot)
        self._pending.pop(slot, None)
        if command is not None:
            self._pending[slot] = command
        return command

    def _command(self, command: CommandAPDU | None, wire: bytes) -> bytes:
        if command is None:
            return wire[:4] + self._blur.raw("malformed", wire[4:])
        if not command.nc:
            return wire
        return command.replace(data=self._sent(command)).encode()

    def _sent(self, command: CommandAPDU) -> bytes:
        data, mac = command.data, b""
        if not _is_recorded(command):
            return self._blur.raw("not listed", data)
        if command.ins in _PREPARE:
            return self._factors(data)
        if command.ins == _PURCHASE_PREPARE:
            return data[:_PURCHASE_HEAD] + self._factors(data[_PURCHASE_HEAD:])
        if command.ins not in (_UPDATE_RECORD, _APPEND_RECORD, _UPDATE_BINARY):
            return self._swap(data)
        if command.cla & 0x04 and len(data) > _MAC:
            data, mac = data[:-_MAC], data[-_MAC:]
        if command.ins == _UPDATE_BINARY:
            return self._blur.raw("binary", data) + mac
        return self._record(data) + mac

    def _factors(self, data: bytes) -> bytes:
        """The first factor of a PSAM command is the card's, with its serial; cities and challenges stay."""
        if len(data) < 16:  # no factor but a challenge, or none of these commands
            return self._swap(data)
        return data[:2] + self._learn(data[2:8], self._blur.serial(data[2:8])) + self._swap(data[8:])

    # --- answers

    def _answer(self, asked: CommandAPDU | None, data: bytes) -> bytes:
        if asked is None or not _is_recorded(asked):
            return self._blur.raw("not listed", data)
        if asked.ins == _READ_RECORD:
            return self._record(data)
        if asked.ins in (_READ_BINARY, _GET_DATA):
            return data if _is_terminal_number(asked, data) else self._blur.raw("binary", data)
        return self._fci(data, asked.data) if asked.ins == _SELECT else self._swap(data)

    def _fci(self, data: bytes, name: bytes) -> bytes:
        """The answer to SELECT: issuer data may hold an application's serial; the algorithm identifier stays."""

        def change(node: tlv.TLV) -> bytes:
            algorithm = node.tag == 0x9F0C and len(node.value) == 3 and node.value[:2] == b"\x86\x01"
            named = node.tag == 0x84 and node.value == name
            label = node.tag in (0x50, 0x5F2D) and _LABEL.fullmatch(node.value)
            if algorithm or named or label or len(node.value) <= KEPT_FCI_TAGS.get(node.tag, 0):
                return self._swap(node.value)
            return self._blur.raw("fci", node.value)

        return self._objects("fci", data, change)

    def _record(self, data: bytes) -> bytes:
        if len(data) >= 2 and data[0] not in (0x00, 0xFF, 0x70) and data[1] <= len(data) - 2:
            tag, size = data[0], data[1]
            value, rest = data[2 : 2 + size], data[2 + size :]
            if not rest.strip(PADDING):
                return data if _is_kept(tag, value) else data[:2] + self._value(tag, value) + rest
        if data[:1] == b"\x70":
            return self._bank_record(data)
        return data if is_log(data) else self._blur.any("record", data)

    def _value(self, tag: int, value: bytes) -> bytes:
        """The value of a tagged record; tags mean the same in every file of these cards."""
        if tag == 0x01 and len(value) == 16:
            return self._learn(value, self._blur.identification_code(value))
        if tag == 0x07:
            return self._learn(value[:9], self._blur.card_number(value[:9])) + self._blur.any("tail", value[9:])
        if tag == 0x08:
            return self._learn(value, self._blur.citizen_number(value))
        if tag == 0x0D and len(value) == 4:
            return self._blur.packed_birth(value)
        is_name = tag in (0x09, 0x4E)
        return self._blur.text("name", value) if is_name else self._blur.any(f"tag {tag:02X}", value)

    def _bank_record(self, data: bytes) -> bytes:
        """A record of the bank application: account number, track, name, certificates; lengths stay."""
        return self._objects("bank", data, self._bank_value)

    def _bank_value(self, node: tlv.TLV) -> bytes:
        if node.tag in KEPT_BANK_TAGS:
            return node.value
        if node.tag == 0x57:
            return self._blur.track(node.value)
        if node.tag == 0x5A:
            return self._learn(node.value, self._blur.track(node.value))
        if node.tag == 0x9F61:
            return self._learn(node.value, self._blur.citizen_number(node.value))
        return self._blur.any(f"bank {node.tag:X}", node.value)

    def _objects(self, kind: str, data: bytes, change: Callable[[tlv.TLV], bytes]) -> bytes:
        """BER objects with changed values; bytes that are not their plain encoding go whole."""

        def rebuild(node: tlv.TLV) -> bytes:
            if node.children:
                return tlv.ber(node.tag, b"".join(map(rebuild, node.children)))
            return tlv.ber(node.tag, change(node) if node.value else b"")

        def plain(node: tlv.TLV) -> bytes:
            return tlv.ber(node.tag, b"".join(map(plain, node.children)) if node.children else node.value)

        try:
            nodes = tlv.parse_ber(data)
        except MalformedData:
            return self._blur.raw(kind, data)
        if b"".join(map(plain, nodes)) != data:
            return self._blur.raw(kind, data)
        return b"".join(map(rebuild, nodes))

    # --- what is known by now

    def _atr(self, raw: bytes) -> bytes:
        try:
            atr = ATR.parse(raw)
        except MalformedData:
            return raw[:2] + self._blur.raw("atr", raw[2:])
        body, rest = raw[: len(raw) - atr.has_check - len(atr.trailing)], atr.trailing
        head, old = body[: len(body) - len(atr.historical)], atr.historical
        if len(old) >= _FACTOR:
            front = old[:-_FACTOR] if len(old) == _HISTORICAL else self._blur.raw("atr", old[:-_FACTOR])
            old = front + old[-_FACTOR:-6] + self._learn(old[-6:], self._blur.serial(old[-6:]))
        else:
            old = self._blur.raw("atr", old)
        body = head + old
        return body + (bytes((redact_values.xor(body[1:]),)) if atr.has_check else b"") + self._blur.raw("atr", rest)

    def _learn(self, old: bytes, new: bytes) -> bytes:
        """Remember a replacement, for whatever repeats the value."""
        if len(old.strip(PADDING)) >= 6:
            self._known[old.rstrip(PADDING)] = new[: len(old.rstrip(PADDING))]
        return new

    def _swap(self, data: bytes) -> bytes:
        for old, new in self._known.items():
            data = data.replace(old, new)
        return data

    def _note(self, note: str) -> str:
        """Notes are free text: nobody can tell what is in them, so they go unless the caller vouches for names."""
        if not self._keep_notes:
            return ""
        return _NUMBER.sub(lambda found: self._number(found[0]), note)

    def _number(self, text: str) -> str:
        value = text.encode()
        if value in self._known:
            return self._known[value].decode("latin-1")
        return self._blur.citizen_number(value).decode() if len(text) == 18 else self._blur.text("note", value).decode()


def is_log(data: bytes) -> bool:
    """Whether an untagged record is one of the logs: numbers, amounts and times, each of the shape it has there.

    The account's counters (3 bytes), the log of the PBOC purse (23) and that of the account (28).

    Example:
        >>> is_log(bytes.fromhex("0001 06 430100000001 20140731102030 000003E8 00000000 000003E8"))
        True
        >>> is_log(b"111111198101011110ABCDEFGHIJ")
        False
    """
    if len(data) == 3:
        return data[2:] in (b"\x00", b"\xff") or 0x30 <= data[2] <= 0x39
    if len(data) == 23:
        return _is_time(data[16:]) and int.from_bytes(data[5:9], "big") < _MOST_FEN and data[9] <= 0x39
    amounts = [int.from_bytes(data[at : at + 4], "big") for at in (16, 20, 24)]
    return len(data) == 28 and _is_time(data[9:16]) and max(amounts) < _MOST_FEN and data[2] <= 0x39


def _is_time(packed: bytes) -> bool:
    text = packed.hex()
    try:
        return datetime.fromisoformat(f"{text[:8]}T{text[8:]}").year >= 1990
    except ValueError:
        return False


def _is_terminal_number(asked: CommandAPDU, data: bytes) -> bool:
    """A PSAM's terminal number names a machine, and MACs are argued from it: 6 bytes of packed digits in its file 16.

    On PBOC cards file 16 is the holder's, and the third byte begins the name.
    """
    digits = re.fullmatch(_BCD + rb"{6}", data) is not None
    return digits and (asked.ins, asked.p1, asked.ne) == (_READ_BINARY, 0x96, 6)


def _is_kept(tag: int, value: bytes) -> bool:
    shape = KEPT_TAGS.get(tag)
    return shape is not None and shape.fullmatch(value) is not None


def _is_recorded(command: CommandAPDU) -> bool:
    known = find(command.cla, command.ins, command.p1, command.p2)
    return known is not None and known.recorded


def _decoded(wire: bytes) -> CommandAPDU | None:
    try:
        return CommandAPDU.decode(wire)
    except InvalidValue:
        return None
