"""The functions of one vendor library by name: limits, texts in its encoding, result codes turned into errors."""

from collections.abc import Mapping

from readers.sscard_abi import FILES_SIZE, FUNCTIONS, OUT_SIZE, failure
from readers.sscard_guard import Argument, Guard, Out
from readers.sscard_text import encode, text_encoding
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message


class Driver:
    """The functions of one library, each with its own limit and its codes turned into errors.

    Args:
        guard: holds the library.
        limits: other limits than the assumed ones, in seconds by function.
        encoding: of its texts; None is GB18030, refusing what can only be UTF-8.
    """

    def __init__(self, guard: Guard, limits: Mapping[str, float] | None = None, encoding: str | None = None) -> None:
        self.guard = guard
        self.encoding = text_encoding(encoding)
        self._limits = dict(limits or {})

    def call(self, name: str, *arguments: int | str) -> bytes:
        """Call a function by its name.

        Args:
            name: one of ``readers.sscard_abi.FUNCTIONS``.
            arguments: all but the out buffer.

        Returns:
            The out buffer: 1024 bytes, 16,000 where files come back.

        Raises:
            NoCard, CardLost, ReaderLost, NotSupported, CardError, UnexpectedStatus, PinEntryFailed: by code, see
                :func:`readers.sscard_abi.failure`.
            DriverRefused: any other code.
            Timeout, DriverCrashed, DriverOverrun, NotSupported, Busy: see :meth:`readers.sscard_guard.Guard.call`.
            AnswerMalformed: a text that cannot be passed.
            InvalidValue: not this function's arguments.
        """
        kinds, limit = FUNCTIONS.get(name, ("", 0.0))
        given = "".join("i" if isinstance(argument, int) else "s" for argument in arguments)
        if f"{given}o" != kinds:
            raise InvalidValue(message("readers.argument.kinds", kinds=kinds), step=name)
        passed: list[Argument] = [
            one if isinstance(one, int) else encode(one, name, self.encoding) for one in arguments
        ]
        limit = self._limits.get(name, limit)
        out_size = FILES_SIZE if name in ("iReadCard", "iReadCard_HSM_Step2") else OUT_SIZE
        code, (out,) = self.guard.call(name, [*passed, Out(out_size)], limit=limit, step=name)
        if code != 0:
            raise failure(code, name, out[: out.find(b"\x00")].decode(self.encoding or "gb18030", "replace"))
        return out
