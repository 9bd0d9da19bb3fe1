"""Real readers through PC/SC and pyscard, imported only when a reader is opened."""

from typing import Any

from apdu.errors import CardLost
from readers.errors import ReaderError, ReaderNotFound
from sbcard_core.errors import MissingPart

ADVICE = (
    "on Linux: apt-get install pcscd libpcsclite-dev, pip install 'sbcard-core[pcsc]', then start pcscd; "
    "on Windows and macOS the service is part of the system"
)


class PcscConnection:
    """A powered card in a PC/SC reader; implements ``readers.base.Connection``."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.atr = bytes(connection.getATR())

    def transmit(self, command: bytes) -> bytes:
        """Send a command.

        Raises:
            CardLost: the reader reports an error; the state of the card is unknown.
        """
        try:
            data, sw1, sw2 = self._connection.transmit(list(command))
        except Exception as error:
            if not _is_pcsc_error(error):
                raise
            raise CardLost(
                "card or reader went away", step="transmit", term="卡已移出", advice="insert again"
            ) from None
        return bytes((*data, sw1, sw2))


class PcscReader:
    """A PC/SC reader as a slot; implements ``readers.base.Slot``."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._connection: Any = None
        self.name = str(reader)

    def is_present(self) -> bool:
        """Whether a card is in the reader; a card in use is not disturbed."""
        from smartcard import scard  # noqa: PLC0415 - optional part

        result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        if result != scard.SCARD_S_SUCCESS:
            return False
        try:
            asked = [(self.name, scard.SCARD_STATE_UNAWARE)]
            result, states = scard.SCardGetStatusChange(context, 0, asked)
            return result == scard.SCARD_S_SUCCESS and bool(states[0][1] & scard.SCARD_STATE_PRESENT)
        finally:
            scard.SCardReleaseContext(context)

    def connect(self) -> PcscConnection:
        """Power the card on.

        Raises:
            CardLost: no card, or it does not answer.
        """
        self.close()
        connection = self._reader.createConnection()
        try:
            connection.connect()
        except Exception as error:
            if not _is_pcsc_error(error):
                raise
            _let_go(connection)
            raise CardLost("no card in the reader", step="connect", term="无卡", advice="insert a card") from None
        self._connection = connection
        return PcscConnection(connection)

    def close(self) -> None:
        """Power off and let the reader go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            _let_go(connection)


def names() -> list[str]:
    """Names of the readers the PC/SC service knows.

    Raises:
        MissingPart: pyscard is not installed; the advice says how.
        ReaderError: the PC/SC service does not run.
    """
    return [str(reader) for reader in _readers()]


def open(name: str = "") -> PcscReader:
    """Open the first reader whose name contains ``name`` (the first of all when empty).

    Raises:
        MissingPart: pyscard is not installed.
        ReaderError: the PC/SC service does not run.
        ReaderNotFound: no such reader; the message lists those there are.
    """
    found = _readers()
    for reader in found:
        if name in str(reader):
            return PcscReader(reader)
    there = ", ".join(str(reader) for reader in found) or "none"
    raise ReaderNotFound(f"no reader named {name!r}", step="pcsc.open", term="找不到读卡器", advice=f"readers: {there}")


def _readers() -> list[Any]:
    try:
        from smartcard.System import readers  # noqa: PLC0415 - optional part, see ADVICE
    except ImportError:
        raise MissingPart("pyscard is not installed", step="pcsc", term="PC/SC", advice=ADVICE) from None
    try:
        return list(readers())
    except Exception as error:
        if not _is_pcsc_error(error):
            raise
        raise ReaderError("the PC/SC service does not run", step="pcsc", term="PC/SC服务", advice=ADVICE) from None


def _let_go(connection: Any) -> None:
    """Power off and release the context; a card or service that is already gone is no error here."""
    release = getattr(connection, "release", connection.disconnect)  # older pyscard releases when collected
    try:
        release()
    except Exception as error:
        if not _is_pcsc_error(error):
            raise


def _is_pcsc_error(error: Exception) -> bool:
    """Whether pyscard raised it; its exceptions have two unrelated roots."""
    from smartcard.Exceptions import SmartcardException  # noqa: PLC0415
    from smartcard.pcsc.PCSCExceptions import BaseSCardException  # noqa: PLC0415

    return isinstance(error, SmartcardException | BaseSCardException)
