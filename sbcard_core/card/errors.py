"""Errors of card sessions and readers, with the number the terminal driver interface returns for each."""

from enum import IntEnum

from apdu.status import StatusWord
from sbcard_core.errors import InvalidValue, MissingPart, SBCardError
from sbcard_core.messages import Message, message


class DriverCode(IntEnum):
    """Negative results of the terminal driver interface (three public vendor codes agree).

    Every error of a card or a reader carries one of them as ``driver_code``, whatever is behind the reader. A status
    word of the card or the PSAM is returned as minus its unsigned 16 bits and has no member here.
    """

    CARD_TYPE = -1
    NO_CARD = -2
    NOT_POWERED = -3
    NO_ANSWER = -4
    LIBRARY = -5
    READER = -11
    NOT_CONNECTED = -12
    UNSUPPORTED = -13
    BAD_PARAMETER = -14
    CHECKSUM = -15
    IDENTIFICATION_FORMAT = -20
    INTERNAL_AUTH_FAILED = -21
    CARD_DIFFERS = -22
    ILLEGAL_INPUT = -23
    PSAM_LEVEL = -24
    HSM_DIFFERS = -25
    """Internal authentication differs from the security module's answer; one other source has it for a missing item."""
    ENTRY_CANCELLED = -31
    ENTRY_TOO_SLOW = -32
    PIN_LENGTH = -33
    PINS_DIFFER = -34
    INITIAL_PIN_CANNOT_PAY = -35
    INITIAL_PIN_CANNOT_BE_SET = -36
    ILLEGAL_CHARACTERS = -41
    DATA_LENGTH = -42
    PIN_WRONG = -51
    PIN_LOCKED = -52
    NO_PSAM = -2201
    NO_PSAM_ALGORITHM = -2202
    NO_PSAM_READ_KEY = -2203
    NO_HSM_NEEDED = -2204


class DeviceError(SBCardError):
    """Root of the errors of a card session and of the readers.

    Attributes:
        driver_code: the number for callers of the driver interface, whatever is behind the reader.
        sw: the status word behind it; None where none came.
        service_code: the PC/SC return code behind it (unsigned 32 bits, 8010xxxx); None where there is none.
    """

    driver_code: int = DriverCode.BAD_PARAMETER

    def __init__(
        self,
        what: str | Message,
        *,
        step: str = "",
        advice: str = "",
        term: str = "",
        sw: StatusWord | None = None,
        driver_code: int | None = None,
        service_code: int | None = None,
    ) -> None:
        self.sw = sw
        self.service_code = service_code
        if driver_code is not None:
            self.driver_code = driver_code
        super().__init__(what, step=step, advice=advice, term=term)


class CardError(DeviceError):
    """Root of the errors of a card session."""


class ProfileRefused(CardError, InvalidValue):
    """卡结构声明: a card profile contradicts itself, or a name is not in it."""

    driver_code: int = DriverCode.ILLEGAL_INPUT


class RecordMalformed(CardError, InvalidValue):
    """A record is not the TLV its declaration says, or its text can't be decoded."""

    driver_code: int = DriverCode.DATA_LENGTH


class IdentificationMalformed(CardError, InvalidValue):
    """The identification code (卡识别码) is not one."""

    driver_code: int = DriverCode.IDENTIFICATION_FORMAT


class GenerationUnknown(CardError, InvalidValue):
    """规范版本: a version whose first character names no generation."""

    driver_code: int = DriverCode.IDENTIFICATION_FORMAT


class AlgorithmNeedsVendor(CardError):
    """The card works with SSF33 or SM1, which are not public: only the vendor's own module computes them."""

    driver_code: int = DriverCode.NO_PSAM_ALGORITHM


class AccessDenied(CardError):
    """The file is never open this way, or no public command does it. Nothing was sent."""

    driver_code: int = DriverCode.ILLEGAL_INPUT


class CardDiffers(CardError):
    """The card is not the one the caller named (卡识别码 or 卡号 differ)."""

    driver_code: int = DriverCode.CARD_DIFFERS


class StepOutOfOrder(CardError):
    """A two-step call was not opened, or something else touched the card between its steps."""


class WriteIncomplete(CardError):
    """A write stopped in the middle: ``written`` names the records that are on the card, in order."""

    driver_code: int = DriverCode.DATA_LENGTH

    def __init__(
        self, what: str | Message, *, written: tuple[str, ...], step: str, sw: StatusWord | None = None
    ) -> None:
        self.written = written
        code = None if sw is None else sw.driver_code
        super().__init__(what, step=step, term="写卡", sw=sw, driver_code=code)


class PsamMissing(CardError):
    """This step needs the PSAM and the session has none."""

    driver_code: int = DriverCode.NO_PSAM


class InternalAuthFailed(CardError):
    """内部认证失败: the card does not hold the key a genuine card of its city holds."""

    driver_code: int = DriverCode.INTERNAL_AUTH_FAILED


class HsmDiffers(InternalAuthFailed):
    """The card's internal authentication is not what the security module computed."""

    driver_code: int = DriverCode.HSM_DIFFERS


class PinWrong(CardError):
    """密码错误. ``tries_left`` says how often the holder may try again; None where the driver does not say."""

    driver_code: int = DriverCode.PIN_WRONG

    def __init__(self, tries_left: int | None, *, step: str, sw: StatusWord | None = None) -> None:
        self.tries_left = tries_left
        code = "cards.pin.wrong" if tries_left is None else "cards.pin.wrong_left"
        super().__init__(message(code, left=tries_left), step=step, term="密码错误", sw=sw)


class PinLocked(CardError):
    """密码锁定: no try is left; the counter of the issuer must reload the PIN."""

    driver_code: int = DriverCode.PIN_LOCKED


class PinLengthRefused(CardError, InvalidValue):
    """A PIN that is not the number of digits the card takes."""

    driver_code: int = DriverCode.PIN_LENGTH


class InitialPinRefused(CardError):
    """初始密码: it may not be chosen again, and it may not pay."""

    driver_code: int = DriverCode.INITIAL_PIN_CANNOT_BE_SET


class OutcomeUnknown(CardError):
    """The card went away, or its answer is none, after it had been told to move money: it may or may not have done so.

    ``record`` is what the terminal knows of the transaction (``sbcard_core.card.money.MoneyRecord``): put the same
    card in again and let :mod:`sbcard_core.card.torn` decide. Never charge again before.
    """

    driver_code: int = DriverCode.NO_ANSWER

    def __init__(
        self,
        what: str | Message,
        *,
        balance_before_fen: int,
        step: str,
        advice: str = "",
        term: str = "",
        record: object | None = None,
    ) -> None:
        self.balance_before_fen = balance_before_fen
        self.record = record
        super().__init__(what, step=step, advice=advice, term=term)


def driver_code(error: SBCardError) -> int:
    """Return the driver interface's number for any error of a session or a reader.

    Example:
        >>> from apdu.errors import CardLost, UnexpectedStatus
        >>> driver_code(UnexpectedStatus(StatusWord(0x6A82), step="select"))
        -27266
        >>> driver_code(PsamMissing("no PSAM")), driver_code(CardLost("gone"))
        (-2201, -4)
    """
    if isinstance(error, MissingPart):
        return int(DriverCode.LIBRARY)
    code = getattr(error, "driver_code", None)
    return int(code) if isinstance(code, int) else int(DriverCode.BAD_PARAMETER)
