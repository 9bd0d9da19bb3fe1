"""Take the person out of a recorded session, and leave a session that still reads, checks and replays.

Every value keeps its length and its kind: citizen numbers and card numbers a right (or wrong) check character, sex and
year of birth; names their number of characters; account numbers their issuer and Luhn digit; digits stay digits,
padding stays padding. One value becomes the same other value everywhere in traces of one salt: ATR and PSAM factors,
identification code and its serial, birth date and citizen number go on agreeing.

What is not known to be harmless is replaced. PINs and keys are no matter of this module: ``apdu.scrub`` keeps them out
of every trace before. Amounts, counters, MACs, TACs, challenges and status words stay: torn transactions are argued
from them. Who holds the salt can test a guess against a redacted value: throw it away afterwards.
"""

import re
from dataclasses import replace

from apdu import tlv
from apdu.atr import ATR
from apdu.command import CommandAPDU
from apdu.errors import MalformedData
from apdu.trace import Exchange
from sbcard_core.card import redact_values
from sbcard_core.card.redact_values import PADDING, Blur
from sbcard_core.errors import InvalidValue

KEPT_TAGS = frozenset({0x02, 0x03, 0x04, 0x05, 0x06, 0x0A, 0x0B})
"""Card class, version, initialising institution, dates of the card, sex, ethnicity: none of them names a person."""
KEPT_BANK_TAGS = frozenset(
    {0x5F24, 0x5F25, 0x5F28, 0x5F30, 0x5F34, 0x8C, 0x8D, 0x8E, 0x8F, 0x9F07, 0x9F08, 0x9F0D, 0x9F0E, 0x9F0F}
    | {0x9F42, 0x9F44, 0x9F49, 0x9F4A}
)
LOG_RECORDS = (3, 23, 28)
"""Lengths of untagged log records (account counters, PBOC log, account log): numbers, amounts, times; kept."""

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
            raise InvalidValue("a salt has at least 16 random bytes", step="card.redact")
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
        if command.ins not in (_UPDATE_RECORD, _APPEND_RECORD, _UPDATE_BINARY):
            return self._swap(data)
        if command.cla & 0x04 and len(data) > _MAC:
            data, mac = data[:-_MAC], data[-_MAC:]
        if command.ins == _UPDATE_BINARY:
            return self._blur.raw("binary", data) + mac
        return self._record(data) + mac

    # --- answers

    def _answer(self, asked: CommandAPDU | None, data: bytes) -> bytes:
        ins = None if asked is None else asked.ins
        if ins == _READ_RECORD:
            return self._record(data)
        if ins in (_READ_BINARY, _GET_DATA) or ins is None:
            return data if self._is_terminal_number(asked) else self._blur.raw("binary", data)
        return self._fci(data) if ins == _SELECT else self._swap(data)

    @staticmethod
    def _is_terminal_number(asked: CommandAPDU | None) -> bool:
        """A PSAM's terminal number names a machine, and MACs are argued from it."""
        return asked is not None and (asked.ins, asked.p1, asked.ne) == (_READ_BINARY, 0x96, 6)

    def _fci(self, data: bytes) -> bytes:
        """The answer to SELECT: issuer data may hold an application's serial; the algorithm identifier stays."""
        try:
            found = tlv.find(tlv.parse_ber(data), 0x9F0C)
        except MalformedData:
            return self._blur.raw("fci", data)
        if found is None or found.value[:2] == b"\x86\x01":
            return self._swap(data)
        return self._swap(data.replace(found.value, self._blur.raw("fci", found.value)))

    def _record(self, data: bytes) -> bytes:
        if len(data) >= 2 and data[0] not in (0x00, 0xFF, 0x70) and data[1] <= len(data) - 2:
            tag, size = data[0], data[1]
            rest = data[2 + size :]
            if not rest.strip(PADDING):
                return data if tag in KEPT_TAGS else data[:2] + self._value(tag, data[2 : 2 + size]) + rest
        if data[:1] == b"\x70":
            return self._bank_record(data)
        return data if len(data) in LOG_RECORDS else self._blur.any("record", data)

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
        try:
            nodes = list(tlv.walk(tlv.parse_ber(data)))
        except MalformedData:
            return self._blur.raw("bank", data)
        for node in nodes:
            if node.children or node.tag in KEPT_BANK_TAGS or not node.value or node.tag == 0x70:
                continue
            if node.tag in (0x5A, 0x57):
                changed = self._blur.track(node.value)
                if node.tag == 0x5A:
                    self._learn(node.value, changed)
            elif node.tag == 0x9F61:
                changed = self._learn(node.value, self._blur.citizen_number(node.value))
            else:
                changed = self._blur.any(f"bank {node.tag:X}", node.value)
            head = node.encode()[: -len(node.value)]
            if head + node.value not in data:  # an unusual length form: no part of it is trusted
                return self._blur.raw("bank", data)
            data = data.replace(head + node.value, head + changed)
        return data

    # --- what is known by now

    def _atr(self, raw: bytes) -> bytes:
        try:
            atr = ATR.parse(raw)
        except MalformedData:
            return raw[:2] + self._blur.raw("atr", raw[2:])
        if len(atr.historical) < 8:
            return raw
        old = atr.historical[-6:]
        new = self._learn(old, self._blur.serial(old))
        body = raw[: len(raw) - atr.has_check]
        body = body[:-6] + new
        return body + (bytes((redact_values.xor(body[1:]),)) if atr.has_check else b"")

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


def _decoded(wire: bytes) -> CommandAPDU | None:
    try:
        return CommandAPDU.decode(wire)
    except InvalidValue:
        return None
