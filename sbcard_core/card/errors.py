"""What a card session can run into, with the number the terminal driver interface returns for it."""

from enum import IntEnum

from apdu.errors import CardLost, UnexpectedStatus
from apdu.status import StatusWord
from sbcard_core.errors import InvalidValue, SBCardError


class DriverCode(IntEnum):
    """Negative results of the terminal driver interface (three public vendor codes agree).

    A status word of the card or the PSAM is returned as minus its unsigned 16 bits and has no member here.
    """

    CARD_TYPE = -1
    NO_CARD = -2
    NO_ANSWER = -4
    BAD_PARAMETER = -14
    IDENTIFICATION_FORMAT = -20
    INTERNAL_AUTH_FAILED = -21
    CARD_DIFFERS = -22
    ILLEGAL_INPUT = -23
    PSAM_LEVEL = -24
    PIN_LENGTH = -33
    INITIAL_PIN_CANNOT_PAY = -35
    INITIAL_PIN_CANNOT_BE_SET = -36
    ILLEGAL_CHARACTERS = -41
    DATA_LENGTH = -42
    PIN_WRONG = -51
    PIN_LOCKED = -52
    NO_PSAM = -2201
    NO_PSAM_ALGORITHM = -2202
    NO_PSAM_READ_KEY = -2203


class CardError(SBCardError):
    """Root of the errors of a card session.

    Attributes:
        sw: the status word behind it, if one came.
        driver_code: the number for callers of the driver interface.
    """

    code = DriverCode.BAD_PARAMETER

    def __init__(
        self, what: str, *, step: str = "", advice: str = "", term: str = "", sw: StatusWord | None = None
    ) -> None:
        self.sw = sw
        super().__init__(what, step=step, advice=advice, term=term)

    @property
    def driver_code(self) -> int:
        """The negative result of the driver interface."""
        return int(self.code)


class RecordMalformed(CardError, InvalidValue):
    """A record is not the TLV its declaration says, or its text can't be decoded."""

    code = DriverCode.DATA_LENGTH


class IdentificationMalformed(CardError, InvalidValue):
    """The identification code (卡识别码) is not one."""

    code = DriverCode.IDENTIFICATION_FORMAT


class PsamMissing(CardError):
    """This step needs the PSAM and the session has none."""

    code = DriverCode.NO_PSAM


class InternalAuthFailed(CardError):
    """内部认证失败: the card does not hold the key a genuine card of its city holds."""

    code = DriverCode.INTERNAL_AUTH_FAILED


class PinWrong(CardError):
    """密码错误. ``tries_left`` says how often the holder may try again."""

    code = DriverCode.PIN_WRONG

    def __init__(self, tries_left: int, *, step: str, sw: StatusWord) -> None:
        self.tries_left = tries_left
        super().__init__(f"the PIN is wrong, {tries_left} tries left", step=step, term="密码错误", sw=sw)


class PinLocked(CardError):
    """密码锁定: no try is left; the counter of the issuer must reload the PIN."""

    code = DriverCode.PIN_LOCKED


class PinLengthRefused(CardError, InvalidValue):
    """A PIN that is not the number of digits the card takes."""

    code = DriverCode.PIN_LENGTH


class InitialPinRefused(CardError):
    """初始密码: it may not be chosen again, and it may not pay."""

    code = DriverCode.INITIAL_PIN_CANNOT_BE_SET


class OutcomeUnknown(CardError):
    """The card went away after it had been told to move money: it may or may not have done so.

    Read the balance of the same card before anything else and compare it with ``balance_before_fen``.
    """

    code = DriverCode.NO_ANSWER

    def __init__(self, what: str, *, balance_before_fen: int, step: str, advice: str = "", term: str = "") -> None:
        self.balance_before_fen = balance_before_fen
        super().__init__(what, step=step, advice=advice, term=term)


def driver_code(error: SBCardError) -> int:
    """Return the driver interface's number for any error of a session.

    Example:
        >>> driver_code(UnexpectedStatus(StatusWord(0x6A82), step="select"))
        -27266
        >>> driver_code(PsamMissing("no PSAM")), driver_code(CardLost("gone"))
        (-2201, -4)
    """
    if isinstance(error, CardError | UnexpectedStatus):
        return error.driver_code
    if isinstance(error, CardLost):
        return int(DriverCode.NO_ANSWER)
    return int(DriverCode.BAD_PARAMETER)
