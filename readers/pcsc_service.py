"""The PC/SC service: the binding loaded when first needed, return codes turned into typed errors, one context."""

from importlib import import_module
from types import ModuleType
from typing import Any

from apdu.errors import CardLost
from readers.errors import (
    Busy,
    CardRemoved,
    LostConnection,
    NoCard,
    NotSupported,
    ReaderError,
    ReaderLost,
    ServiceLost,
    Timeout,
)
from sbcard_core.card.errors import DriverCode
from sbcard_core.errors import MissingPart
from sbcard_core.messages import message

OK = 0
TIMED_OUT = 0x8010000A
CANCELLED = 0x80100002
NO_READERS = 0x8010002E
UNKNOWN_READER = 0x80100009

# Return codes of the PC/SC API, equal on pcsc-lite and Windows, with their sentences ``readers.pcsc.*``. What is not
# here is a plain ReaderError.
_ROWS: dict[int, tuple[type[ReaderError], str, str]] = {
    0x80100001: (ServiceLost, "failed", "PC/SC服务中断"),
    0x80100003: (CardRemoved, "unknown", "连接失效"),
    0x80100009: (ReaderLost, "gone", "读卡器断开"),
    0x8010000A: (Timeout, "slow", "超时"),
    0x8010000B: (Busy, "busy", "读卡器被占用"),
    0x8010000C: (NoCard, "no_card", "无卡"),
    0x8010000F: (NotSupported, "protocol", "协议不符"),
    0x80100010: (NoCard, "not_ready", "卡未就绪"),
    0x80100012: (ServiceLost, "stopped", "PC/SC服务中断"),
    0x80100013: (ServiceLost, "line", "PC/SC服务中断"),
    0x80100016: (CardRemoved, "exchange", "通讯失败"),
    0x80100017: (ReaderLost, "gone", "读卡器断开"),
    0x8010001D: (ServiceLost, "not_running", "PC/SC服务中断"),
    0x8010001E: (ServiceLost, "ended", "PC/SC服务中断"),
    0x8010002E: (ReaderLost, "gone", "读卡器断开"),
    0x8010002F: (CardRemoved, "exchange", "通讯失败"),
    0x80100065: (NotSupported, "card", "卡不支持"),
    0x80100066: (NoCard, "mute", "卡无应答"),
    0x80100067: (CardRemoved, "unpowered", "卡未上电"),
    0x80100068: (CardRemoved, "reset", "卡被复位"),
    0x80100069: (CardRemoved, "removed", "卡已移出"),
}


def binding() -> ModuleType:
    """``smartcard.scard``.

    Raises:
        MissingPart: pyscard is not installed; the advice says how.
    """
    try:
        return import_module("smartcard.scard")
    except ImportError:
        raise MissingPart(message("readers.pcsc.missing"), step="pcsc", term="PC/SC") from None


def error(code: int, step: str) -> ReaderError:
    """The typed error of a PC/SC return code.

    Example:
        >>> raised = error(-2146435061, "connect")
        >>> type(raised).__name__, f"{raised.service_code:08X}", int(raised.driver_code)
        ('Busy', '8010000B', -11)
        >>> print(error(0x80100004, "connect"))
        PC/SC error 80100004 [connect]
    """
    code &= 0xFFFFFFFF
    row = _ROWS.get(code)
    if row is None:
        return ReaderError(
            message("readers.pcsc.code", code=f"{code:08X}"),
            step=step,
            driver_code=DriverCode.READER,
            service_code=code,
        )
    kind, name, term = row
    return kind(message(f"readers.pcsc.{name}"), step=step, term=term, service_code=code)


def transmit_error(code: int) -> ReaderError:
    """The typed error of a command that was handed to the service: only "busy" means that nothing was done.

    Windows passes on codes of the reader's own driver (0000001F, 00000016), and says 80100008 after an answer that is
    longer than expected: the card may have done what it was asked.

    Example:
        >>> type(transmit_error(0x1F)).__name__, int(transmit_error(0x1F).driver_code)
        ('LostConnection', -4)
    """
    known = error(code, "transmit")
    if isinstance(known, CardLost | Busy):
        return known
    code &= 0xFFFFFFFF
    return LostConnection(message("readers.pcsc.transmit", code=f"{code:08X}"), step="transmit", service_code=code)


def check(code: int, step: str) -> None:
    """Raise the typed error of any code but success."""
    if code != OK:
        raise error(code, step)


class Context:
    """A line to the service; made when first used and made again after the service was lost."""

    def __init__(self) -> None:
        self.scard: Any = binding()
        self._handle: Any = None

    def handle(self) -> Any:
        """The context, established if need be.

        Raises:
            ServiceLost: the service does not run.
        """
        if self._handle is None:
            code, handle = self.scard.SCardEstablishContext(self.scard.SCARD_SCOPE_USER)
            check(code, "establish context")
            self._handle = handle
        return self._handle

    def names(self) -> list[str]:
        """Readers the service knows.

        Raises:
            ServiceLost: the service does not run.
        """
        code, names = self._again(lambda handle: self.scard.SCardListReaders(handle, []))
        if code & 0xFFFFFFFF == NO_READERS:
            return []
        check(code, "list readers")
        return list(names)

    def states(self, asked: list[tuple[str, int]], milliseconds: int = 0) -> tuple[int, list[tuple[str, int, Any]]]:
        """``SCardGetStatusChange``: its code (unsigned) and the states."""
        code, states = self._again(lambda handle: self.scard.SCardGetStatusChange(handle, milliseconds, asked))
        return code & 0xFFFFFFFF, states

    def cancel(self) -> None:
        """Wake a thread that waits in :meth:`states`."""
        if self._handle is not None:
            self.scard.SCardCancel(self._handle)

    def drop(self) -> None:
        """Release the context; the next use makes another one."""
        handle, self._handle = self._handle, None
        if handle is not None:
            self.scard.SCardReleaseContext(handle)

    def _again(self, call: Any) -> tuple[int, Any]:
        """Call; once more with a new context where the old one died with its service."""
        fresh = self._handle is None
        code, value = call(self.handle())
        if not fresh and isinstance(error(code, ""), ServiceLost | CardRemoved):
            self.drop()
            code, value = call(self.handle())
        return code, value
