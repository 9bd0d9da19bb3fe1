"""Command APDUs as values: lengths are the decoded Nc and Ne, never hex text.

The value itself is a compiled type (``SBCARD_CPU=reference`` takes its readable twin): building a frozen dataclass
costs ten times as long, and a terminal builds one for everything it says.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Self

from sbcard_core import _kernels
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

MAX_SHORT_NC = 255
MAX_SHORT_NE = 256
MAX_EXTENDED_NC = 65535
MAX_EXTENDED_NE = 65536

if TYPE_CHECKING:
    from typing_extensions import Buffer

    class _Command:
        """What the compiled type and its twin have."""

        def __init__(
            self, cla: int, ins: int, p1: int, p2: int, data: Buffer = b"", ne: int = 0, extended: bool = False
        ) -> None: ...
        @property
        def cla(self) -> int: ...
        @property
        def ins(self) -> int: ...
        @property
        def p1(self) -> int: ...
        @property
        def p2(self) -> int: ...
        @property
        def data(self) -> bytes: ...
        @property
        def ne(self) -> int: ...
        @property
        def extended(self) -> bool: ...
        @property
        def nc(self) -> int: ...
        @property
        def header(self) -> bytes: ...
        def encode(self) -> bytes: ...
        @classmethod
        def decode(cls, wire: Buffer) -> Self: ...
        def _fields(self) -> tuple[int, int, int, int, bytes, int, bool]: ...

else:
    _Command = _kernels.choose("apdu")[0].Command


def refused(what: str, step: str) -> InvalidValue:
    """The error of what a kernel refuses, by the kernel's own name for it."""
    kernel = _kernels.choose("apdu")[0]
    codes = {kernel.HEADER: "header", kernel.LENGTHS: "lengths", kernel.TOO_SHORT: "short", kernel.WRONG_LC: "lc"}
    return InvalidValue(message(f"cards.command.{codes[what]}"), step=step, term="命令APDU")


class CommandAPDU(_Command):
    """One command, ISO/IEC 7816-4:2013 5.1 (命令APDU), valid by construction and immutable.

    Args:
        cla, ins, p1, p2: header bytes, 0..255.
        data: command data, 0..65535 bytes; never shown by ``repr``.
        ne: most bytes expected back, 0 = none, 256 = short ``Le=00``, up to 65536.
        extended: extended length fields; set by itself where short ones cannot hold the lengths.

    Attributes:
        nc: number of command data bytes.
        header: CLA INS P1 P2.

    ``encode()`` gives the bytes on the wire, cases 1 to 4, short or extended; ``decode(wire)`` reads them back and
    keeps the form of the lengths: ``decode(wire).encode() == wire`` for every wire that decodes.

    Raises:
        InvalidValue: a header byte or a length out of range; by ``decode``: shorter than a header, or lengths that do
            not add up.

    Example:
        >>> CommandAPDU(0x00, 0xA4, 0x00, 0x00, bytes.fromhex("3F00")).encode().hex().upper()
        '00A40000023F00'
        >>> CommandAPDU.decode(bytes.fromhex("00B2010412")).ne
        18
        >>> CommandAPDU.decode(bytes.fromhex("00B20104000012")).extended
        True
        >>> CommandAPDU(0x00, 0x20, 0, 0, bytes.fromhex("123456"))
        CommandAPDU(00200000, nc=3, ne=0)
    """

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]] = ("cla", "ins", "p1", "p2", "data", "ne", "extended")

    @classmethod
    def _refuse(cls, what: str) -> InvalidValue:
        return refused(what, "CommandAPDU")

    def replace(self, **changes: Any) -> "CommandAPDU":
        """The same command with some fields changed.

        Raises:
            InvalidValue: a value out of range.
            TypeError: no such field.

        Example:
            >>> CommandAPDU(0, 0x84, 0, 0, ne=8).replace(ne=4)
            CommandAPDU(00840000, nc=0, ne=4)
        """
        fields: dict[str, Any] = dict(zip(self.__match_args__, self._fields(), strict=True))
        return CommandAPDU(**fields | changes)

    __replace__ = replace

    def __repr__(self) -> str:
        return f"CommandAPDU({self.header.hex().upper()}, nc={self.nc}, ne={self.ne})"
