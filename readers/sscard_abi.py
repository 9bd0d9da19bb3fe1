"""The standard terminal driver interface (SSCardDriver): its functions, its negative codes and their words.

Functions and arguments as the contents of LD/T 6001.5-2023 list them and public vendor headers declare them (three
sources agree; the PKI pair has one). ``iType`` is 1 contact, 2 contactless, 3 and 4 automatic. Every result is 32 bits
wide, also where a header says ``long``.
"""

import re

from apdu.errors import UnexpectedStatus
from apdu.status import StatusWord
from readers.errors import CardRemoved, DriverRefused, NoCard, NotSupported, PinEntryFailed, ReaderError, ReaderLost
from sbcard_core.card.errors import (
    AlgorithmNeedsVendor,
    CardDiffers,
    CardError,
    HsmDiffers,
    IdentificationMalformed,
    InitialPinRefused,
    InternalAuthFailed,
    PinLocked,
    PinWrong,
    PsamMissing,
)
from sbcard_core.card.pins import pin_error
from sbcard_core.errors import SBCardError
from sbcard_core.messages import message

OUT_SIZE = 1024
"""Bytes of ``pOutInfo``."""
FILES_SIZE = 16_000
"""Bytes of it where whole files come back: a photo in hex is longer than the rest."""

READ_SECONDS = 15.0
"""Limit of a call that only talks to the card (assumed)."""
HOLDER_SECONDS = 90.0
"""Limit of a call that waits for the holder at the PIN pad (assumed)."""

FUNCTIONS: dict[str, tuple[str, float]] = {
    "iReadCardBas": ("io", READ_SECONDS),
    "iReadCard": ("iisso", READ_SECONDS),
    "iWriteCard": ("issso", READ_SECONDS),
    "iVerifyPIN": ("io", HOLDER_SECONDS),
    "iChangePIN": ("io", HOLDER_SECONDS),
    "iReloadPIN": ("iso", HOLDER_SECONDS),
    "iUnblockPIN": ("iso", HOLDER_SECONDS),
    "iDoDebit": ("isso", HOLDER_SECONDS),
    "iReadDebitRecord": ("io", READ_SECONDS),
    "iReadCardBas_HSM_Step1": ("io", READ_SECONDS),
    "iReadCardBas_HSM_Step2": ("so", READ_SECONDS),
    "iReadCard_HSM_Step1": ("isso", READ_SECONDS),
    "iReadCard_HSM_Step2": ("so", READ_SECONDS),
    "iWriteCard_HSM_Step1": ("isso", READ_SECONDS),
    "iWriteCard_HSM_Step2": ("sso", READ_SECONDS),
    "iReloadPIN_HSM_Step1": ("iso", READ_SECONDS),
    "iReloadPIN_HSM_Step2": ("so", HOLDER_SECONDS),
    "iReloadPIN_HSM_Step3": ("so", READ_SECONDS),
    "iUnblockPIN_HSM_Step1": ("iso", READ_SECONDS),
    "iUnblockPIN_HSM_Step2": ("so", HOLDER_SECONDS),
    "iUnblockPIN_HSM_Step3": ("so", READ_SECONDS),
    "iDoDebit_HSM_Step1": ("isso", HOLDER_SECONDS),
    "iDoDebit_HSM_Step2": ("so", READ_SECONDS),
    "PKI_SignData": ("ssio", HOLDER_SECONDS),
    "PKI_VerifySign": ("ssssio", READ_SECONDS),
}
"""Name → arguments (i integer, s text in, o text out) and the limit of the call in seconds."""

CODES: dict[int, str] = {
    -1: "卡类型不对",
    -2: "无卡",
    -3: "卡未上电",
    -4: "卡无应答",
    -5: "加载动态库错",
    -11: "读卡器连接错",
    -12: "未建立连接",
    -13: "不支持该命令",
    -14: "参数错误",
    -15: "校验和错",
    -20: "卡识别码格式错",
    -21: "内部认证失败",
    -22: "传入数据与卡不符",
    -23: "传入数据不合法",
    -24: "PSAM卡密钥级别不够",
    -25: "内部认证与加密机不符或数据项不存在",
    -27: "未公开的返回码",
    -31: "用户取消密码输入",
    -32: "密码输入超时",
    -33: "密码长度错误",
    -34: "两次输入密码不一致",
    -35: "初始密码不能交易",
    -36: "不能设置初始密码",
    -41: "数据含非法字符",
    -42: "数据长度错误",
    -51: "密码错误",
    -52: "密码锁定",
    -2201: "无PSAM卡",
    -2202: "PSAM卡不支持该算法",
    -2203: "PSAM卡无RK_SSSE密钥",
    -2204: "不需要加密机",
}
"""Codes with their terms (three public vendor codes agree); their sentences are ``readers.code.*`` of the catalogue.
For -25 they do not agree; -27 is seen only as a reason to ask the HSM."""

HSM_NEEDED = frozenset({-2201, -2202, -2203, -24, -27, -27272})
"""Codes after which public callers go on with the HSM steps."""

_READER_ERRORS: dict[int, type[ReaderError]] = {
    -2: NoCard, -3: NoCard, -4: CardRemoved, -11: ReaderLost, -12: ReaderLost, -13: NotSupported,
}  # fmt: skip
_CARD_ERRORS: dict[int, type[CardError]] = {
    -20: IdentificationMalformed, -21: InternalAuthFailed, -22: CardDiffers, -35: InitialPinRefused,
    -36: InitialPinRefused, -52: PinLocked, -2201: PsamMissing, -2202: AlgorithmNeedsVendor,
}  # fmt: skip
_PIN_FUNCTIONS = frozenset({"iVerifyPIN", "iChangePIN"})
_LEAST_STATUS, _MOST_STATUS = -0xFFFF, -0x6100
_TRIES = re.compile(r"次数\D{0,2}([0-9]{1,2})(?![0-9、,，/])|(?<![0-9、,，/])([0-9]{1,2})\s*次")
"""How many are left; a text that lists several ("2、1、0次") names none."""


def failure(code: int, step: str, text: str = "") -> SBCardError:  # noqa: PLR0911 - a table in words
    """The error for a code other than 0: the same class the APDU path raises where it has one.

    Args:
        code: the 32-bit result.
        step: name of the function.
        text: what the driver wrote; only the number of tries is taken from it.

    Example:
        >>> print(failure(-27266, "iReadCard"))
        card answered 6A82: file not found (文件未找到) [iReadCard]
        >>> print(failure(-51, "iVerifyPIN", "密码错误，剩余2次"), type(failure(-2, "iReadCardBas")).__name__)
        the PIN is wrong, 2 tries left (密码错误) [iVerifyPIN]; type it again NoCard
        >>> failure(-99, "iDoDebit").driver_code
        -99
    """
    zh = CODES.get(code, "")
    what = message(f"readers.code.{-code}" if zh else "readers.code.unknown", code=code)
    if code in _READER_ERRORS:
        return _READER_ERRORS[code](what, step=step, term=zh, driver_code=code)
    if code in _CARD_ERRORS:
        return _CARD_ERRORS[code](what, step=step, term=zh, driver_code=code)
    if _LEAST_STATUS <= code <= _MOST_STATUS:
        sw = StatusWord(-code)
        found = pin_error(sw, step) if step in _PIN_FUNCTIONS else None
        return found or UnexpectedStatus(sw, step=step)
    if -34 <= code <= -31:
        return PinEntryFailed(what, driver_code=code)
    if code == -51:
        left = _TRIES.search(text)
        return PinWrong(int(left[1] or left[2]) if left else None, step=step)
    # Outside the two-step calls some drivers mean an item that is not on the card.
    if code == -25 and "_HSM_" in step:
        return HsmDiffers(message("cards.hsm.differs"), step=step, term=zh)
    return DriverRefused(what, driver_code=code, step=step, term=zh)


def costs_a_try(error: SBCardError) -> bool:
    """Whether a call that failed so counted as a try of the PIN or of a key of the card (63Cx, 6983, -51).

    Example:
        >>> [costs_a_try(failure(code, "iReadCardBas")) for code in (-25538, -51, -27011, -27266, -2)]
        [True, True, True, False, False]
    """
    sw = getattr(error, "sw", None)
    return isinstance(error, PinWrong) or (sw is not None and sw.tries_left is not None)
