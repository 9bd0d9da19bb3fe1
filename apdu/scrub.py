"""Removal of PINs and keys from traces, by allow-list, before anything else sees an exchange.

Data and answer of a command are kept only where :mod:`apdu.catalogue` knows the instruction under its class and marks
it ``recorded``. Everything else is replaced by zeros of the same length: unknown instructions, the same instruction
byte under another class (``0028`` enables a PIN, ``B028`` opens a load), reader commands of class FF, which load keys,
and commands whose length fields do not add up. Header and status word always stay, and so does the length of the
whole: a replay compares both sides after the same replacement.

``80FA`` of a PSAM encrypts whatever it is given: it is kept only after the PSAM was prepared (``BFDE``, ``801A``) with
a key for MACs, debits, or MACs and authentication, not with one for PINs or for data.
"""

from apdu.catalogue import find
from apdu.command import CommandAPDU
from apdu.psam import KeyType
from sbcard_core.errors import InvalidValue

PSAM_PREPARE = frozenset({0x1A, 0xDE})
PSAM_CRYPT = 0xFA
PSAM_RECORDED_KEYS = frozenset({KeyType.DEBIT, KeyType.MAC, KeyType.MAC_ENCRYPT})

FILLER = 0x00
_GET_RESPONSE = 0xC0


class Scrubber:
    """Replaces secrets in the exchanges of one slot, in their order.

    Example:
        >>> scrubber = Scrubber()
        >>> scrubber.command(bytes.fromhex("0028000003123456")).hex()
        '0028000003000000'
        >>> scrubber.answer(bytes.fromhex("63C2")).hex()
        '63c2'
    """

    def __init__(self) -> None:
        self._psam_recorded = False
        self._answer_recorded = False

    def command(self, wire: bytes) -> bytes:
        """The command, its data replaced by zeros unless the allow-list has it; length, header and Lc stay.

        A command that does not decode keeps its header only.
        """
        wire = bytes(wire)
        try:
            command = CommandAPDU.decode(wire)
        except InvalidValue:
            self._answer_recorded = False
            return wire[:4] + bytes((FILLER,)) * len(wire[4:])
        recorded = self._is_recorded(command)
        if command.ins != _GET_RESPONSE:
            self._answer_recorded = recorded
        if recorded:
            return wire
        if not command.nc:
            return wire[:4] + bytes((FILLER,)) * (len(wire) - 4)
        # Le goes too: where Lc is one too small, it is the last byte of a PIN.
        ne = 0 if not command.ne else 65536 if command.extended else 256
        return command.replace(data=bytes((FILLER,)) * command.nc, ne=ne).encode()

    def answer(self, wire: bytes) -> bytes:
        """The answer, its data replaced by zeros unless the allow-list has its command; the status word stays."""
        wire = bytes(wire)
        if self._answer_recorded or len(wire) <= 2:
            return wire
        return bytes((FILLER,)) * (len(wire) - 2) + wire[-2:]

    def _is_recorded(self, command: CommandAPDU) -> bool:
        known = find(command.cla, command.ins, command.p1, command.p2)
        if known is None or not known.recorded:
            return False
        if known.ins in PSAM_PREPARE:
            self._psam_recorded = command.p1 & 0x1F in PSAM_RECORDED_KEYS
        return self._psam_recorded if known.ins == PSAM_CRYPT else True
