"""Command APDUs as values: lengths are the decoded Nc and Ne, never hex text."""

from dataclasses import dataclass, field

from sbcard_core.errors import InvalidValue

MAX_SHORT_NC = 255
MAX_SHORT_NE = 256
MAX_EXTENDED_NC = 65535
MAX_EXTENDED_NE = 65536


@dataclass(frozen=True, slots=True)
class CommandAPDU:
    """One command, ISO/IEC 7816-4:2013 5.1 (命令APDU), valid by construction.

    Args:
        cla, ins, p1, p2: header bytes, 0..255.
        data: command data, 0..65535 bytes; never shown by ``repr``.
        ne: most bytes expected back, 0 = none, 256 = short ``Le=00``, up to 65536.
        extended: extended length fields; set by itself where short ones cannot hold the lengths.

    Raises:
        InvalidValue: a header byte or a length out of range.

    Example:
        >>> CommandAPDU(0x00, 0xA4, 0x00, 0x00, bytes.fromhex("3F00")).encode().hex().upper()
        '00A40000023F00'
        >>> CommandAPDU.decode(bytes.fromhex("00B2010412")).ne
        18
        >>> CommandAPDU(0x00, 0x20, 0, 0, bytes.fromhex("123456"))
        CommandAPDU(00200000, nc=3, ne=0)
    """

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = field(default=b"", repr=False)
    ne: int = 0
    extended: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.cla <= 255 and 0 <= self.ins <= 255 and 0 <= self.p1 <= 255 and 0 <= self.p2 <= 255):
            raise InvalidValue("CLA INS P1 P2 are single bytes", step="CommandAPDU")
        nc = len(self.data)
        if nc > MAX_EXTENDED_NC or not 0 <= self.ne <= MAX_EXTENDED_NE:
            raise InvalidValue("Nc is at most 65535 and Ne at most 65536", step="CommandAPDU")
        if nc > MAX_SHORT_NC or self.ne > MAX_SHORT_NE:
            object.__setattr__(self, "extended", True)
        elif self.extended and nc == 0 and self.ne == 0:
            # Case 1 has no length field, so an "extended" one would not survive encode and decode.
            object.__setattr__(self, "extended", False)

    @property
    def nc(self) -> int:
        """Number of command data bytes."""
        return len(self.data)

    @property
    def header(self) -> bytes:
        """CLA INS P1 P2."""
        return bytes((self.cla, self.ins, self.p1, self.p2))

    def encode(self) -> bytes:
        """The bytes on the wire: cases 1, 2, 3 and 4, short or extended."""
        out = self.header
        if self.extended:
            ne = (self.ne & 0xFFFF).to_bytes(2, "big")
            if not self.data:
                return out + b"\x00" + ne
            out += b"\x00" + len(self.data).to_bytes(2, "big") + self.data
            return out + ne if self.ne else out
        if self.data:
            out += bytes((len(self.data),)) + self.data
        return out + bytes((self.ne & 0xFF,)) if self.ne else out

    @classmethod
    def decode(cls, wire: bytes) -> "CommandAPDU":
        """Read a command back; ``decode(wire).encode() == wire``.

        Raises:
            InvalidValue: shorter than a header, or lengths that do not add up.

        Example:
            >>> CommandAPDU.decode(bytes.fromhex("00B2010400")).ne
            256
        """
        size = len(wire)
        if size < 4:
            raise InvalidValue("a command has at least four bytes", step="CommandAPDU.decode")
        head = (wire[0], wire[1], wire[2], wire[3])
        if size == 4:
            return cls(*head)
        if size == 5:
            return cls(*head, ne=wire[4] or 256)
        if wire[4]:
            return cls(*head, *_short_body(wire, wire[4]))
        if size == 7:
            return cls(*head, ne=int.from_bytes(wire[5:7], "big") or 65536, extended=True)
        return cls(*head, *_extended_body(wire), extended=True)

    def __repr__(self) -> str:
        return f"CommandAPDU({self.header.hex().upper()}, nc={self.nc}, ne={self.ne})"


def _short_body(wire: bytes, nc: int) -> tuple[bytes, int]:
    rest = len(wire) - 5 - nc
    if rest not in (0, 1):
        raise InvalidValue("Lc does not fit the command length", step="CommandAPDU.decode")
    return bytes(wire[5 : 5 + nc]), (wire[-1] or 256) if rest else 0


def _extended_body(wire: bytes) -> tuple[bytes, int]:
    nc = int.from_bytes(wire[5:7], "big")
    rest = len(wire) - 7 - nc
    if nc == 0 or rest not in (0, 2):
        raise InvalidValue("extended Lc does not fit the command length", step="CommandAPDU.decode")
    return bytes(wire[7 : 7 + nc]), (int.from_bytes(wire[-2:], "big") or 65536) if rest else 0
