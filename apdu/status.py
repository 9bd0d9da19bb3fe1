"""Status words: an unknown one stays a value, it is never a lookup failure."""

from dataclasses import dataclass
from enum import StrEnum

from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message


class StatusCategory(StrEnum):
    """What a status word asks the caller to do."""

    OK = "ok"
    MORE_DATA = "more-data"
    """61xx: fetch xx more bytes with GET RESPONSE."""
    WRONG_LE = "wrong-le"
    """6Cxx: repeat the command with Le = xx."""
    TRIES = "tries"
    """63Cx: a PIN, key or MAC was wrong, x tries are left."""
    BLOCKED = "blocked"
    """No further try: PIN, key, application or card is locked."""
    SECURITY = "security"
    """An authentication, a fresh challenge or a right MAC is missing."""
    NOT_FOUND = "not-found"
    """File, record or key is not there."""
    MONEY = "money"
    """Purse refused: balance or counter."""
    WRONG_COMMAND = "wrong-command"
    """Length, parameters, instruction or class is wrong: a fault of the caller."""
    MEMORY = "memory"
    """The chip could not write."""
    WARNING = "warning"
    OTHER = "other"


_C = StatusCategory

# ISO/IEC 7816-4 meanings, and the 93xx/94xx rows that PBOC purses and public vendor code use.
_KNOWN: dict[int, tuple[StatusCategory, str, str]] = {
    0x9000: (_C.OK, "success", "成功"),
    0x6200: (_C.WARNING, "no information given, memory unchanged", "警告，存储器未变"),
    0x6281: (_C.WARNING, "returned data may be damaged", "返回数据可能有误"),
    0x6282: (_C.WARNING, "end of file reached before Le bytes", "文件结束，数据少于Le"),
    0x6283: (_C.WARNING, "selected file is invalidated", "选择文件无效"),
    0x6284: (_C.WARNING, "file control information in another format", "文件控制信息格式不符"),
    0x6285: (_C.WARNING, "selected file is terminated", "选择文件已终止"),
    0x6300: (_C.SECURITY, "authentication failed", "认证失败"),
    0x6381: (_C.WARNING, "file is full after this write", "文件已写满"),
    0x6400: (_C.OTHER, "execution error, memory unchanged", "执行错误，状态未变"),
    0x6500: (_C.MEMORY, "execution error, memory changed", "执行错误，状态已变"),
    0x6581: (_C.MEMORY, "memory failure", "内存错误"),
    0x6700: (_C.WRONG_COMMAND, "wrong length", "长度错误"),
    0x6800: (_C.WRONG_COMMAND, "function of the class not supported", "类别功能不支持"),
    0x6881: (_C.WRONG_COMMAND, "logical channel not supported", "不支持逻辑信道"),
    0x6882: (_C.WRONG_COMMAND, "secure messaging not supported", "不支持安全报文"),
    0x6883: (_C.WRONG_COMMAND, "last command of the chain expected", "缺少命令链的最后一条"),
    0x6884: (_C.WRONG_COMMAND, "command chaining not supported", "不支持命令链"),
    0x6900: (_C.WRONG_COMMAND, "command not allowed", "命令不允许"),
    0x6901: (_C.WRONG_COMMAND, "command not accepted in this state", "当前状态不接受该命令"),
    0x6981: (_C.WRONG_COMMAND, "file type does not fit the command", "文件类型不符"),
    0x6982: (_C.SECURITY, "security status not satisfied", "安全状态不满足"),
    0x6983: (_C.BLOCKED, "authentication method blocked", "认证方法锁定"),
    0x6984: (_C.SECURITY, "no fresh challenge, or referenced data invalid", "未取随机数或引用数据无效"),
    0x6985: (_C.SECURITY, "conditions of use not satisfied", "使用条件不满足"),
    0x6986: (_C.WRONG_COMMAND, "no current elementary file", "未选择当前文件"),
    0x6987: (_C.SECURITY, "secure messaging data missing", "安全报文数据缺失"),
    0x6988: (_C.SECURITY, "secure messaging MAC wrong", "安全报文MAC错误"),
    0x6A80: (_C.WRONG_COMMAND, "wrong data field", "数据域错误"),
    0x6A81: (_C.BLOCKED, "function not supported or application locked", "功能不支持或应用锁定"),
    0x6A82: (_C.NOT_FOUND, "file not found", "文件未找到"),
    0x6A83: (_C.NOT_FOUND, "record not found", "记录未找到"),
    0x6A84: (_C.MEMORY, "not enough space", "空间不足"),
    0x6A85: (_C.WRONG_COMMAND, "Lc does not fit the TLV structure", "Lc与TLV结构不符"),
    0x6A86: (_C.WRONG_COMMAND, "wrong P1 P2", "参数P1P2错误"),
    0x6A87: (_C.WRONG_COMMAND, "Lc does not fit P1 P2", "Lc与P1P2不符"),
    0x6A88: (_C.NOT_FOUND, "key or referenced data not found", "密钥或引用数据未找到"),
    0x6A89: (_C.OTHER, "file exists already", "文件已存在"),
    0x6A8A: (_C.OTHER, "application name exists already", "应用名已存在"),
    0x6B00: (_C.WRONG_COMMAND, "offset outside the file", "偏移量错误"),
    0x6D00: (_C.WRONG_COMMAND, "instruction not supported", "命令不支持"),
    0x6E00: (_C.WRONG_COMMAND, "class not supported", "类别不支持"),
    0x6F00: (_C.OTHER, "no precise diagnosis", "未知错误"),
    0x9301: (_C.MONEY, "insufficient balance", "金额不足"),
    0x9302: (_C.SECURITY, "MAC wrong", "MAC无效"),
    0x9303: (_C.BLOCKED, "application permanently locked", "应用永久锁定"),
    0x9401: (_C.MONEY, "insufficient balance", "余额不足"),
    0x9402: (_C.MONEY, "transaction counter at its maximum", "交易计数器达到最大值"),
    0x9403: (_C.NOT_FOUND, "key index not supported", "密钥索引不支持"),
    0x9406: (_C.SECURITY, "MAC or TAC not available", "所需MAC不可用"),
    0x9408: (_C.MONEY, "purse grey-locked", "电子钱包灰锁"),
}


@dataclass(frozen=True, slots=True)
class StatusWord:
    """SW1 SW2, two bytes (状态字).

    Raises:
        InvalidValue: outside 0..FFFF.

    Example:
        >>> sw = StatusWord(0x63C2)
        >>> sw.category.value, sw.tries_left, sw.is_ok, sw.zh
        ('tries', 2, False, '校验失败，剩余2次')
        >>> StatusWord(0x9F77).en
        'unknown status'
    """

    value: int

    def __post_init__(self) -> None:
        if not 0 <= self.value <= 0xFFFF:
            raise InvalidValue(message("cards.status.size"), step="StatusWord", term="状态字")

    @property
    def sw1(self) -> int:
        """First byte."""
        return self.value >> 8

    @property
    def sw2(self) -> int:
        """Second byte."""
        return self.value & 0xFF

    @property
    def is_ok(self) -> bool:
        """9000 and nothing else."""
        return self.value == 0x9000

    @property
    def tries_left(self) -> int | None:
        """x of 63Cx; 0 for 6983; None where the word says nothing about tries."""
        if self.value & 0xFFF0 == 0x63C0:
            return self.value & 0xF
        return 0 if self.value == 0x6983 else None

    @property
    def category(self) -> StatusCategory:
        """What the word asks for; unknown words are OTHER."""
        return self._row()[0]

    @property
    def en(self) -> str:
        """English meaning."""
        return self._row()[1]

    @property
    def zh(self) -> str:
        """Chinese meaning."""
        return self._row()[2]

    @property
    def driver_code(self) -> int:
        """0 for success, else minus the unsigned word, as the terminal driver interface returns it."""
        return 0 if self.is_ok else -self.value

    def _row(self) -> tuple[StatusCategory, str, str]:
        known = _KNOWN.get(self.value)
        if known is not None:
            return known
        if self.sw1 == 0x61:
            return _C.MORE_DATA, f"{self.sw2 or 256} bytes waiting", f"尚有{self.sw2 or 256}字节待取"
        if self.sw1 == 0x6C:
            return _C.WRONG_LE, f"Le must be {self.sw2 or 256}", f"Le应为{self.sw2 or 256}"
        if self.value & 0xFFF0 == 0x63C0:
            left = self.value & 0xF
            return _C.TRIES, f"verification failed, {left} tries left", f"校验失败，剩余{left}次"
        if self.sw1 in (0x62, 0x63):
            return _C.WARNING, "warning", "警告"
        return _C.OTHER, "unknown status", "未知状态"

    def __repr__(self) -> str:
        return f"StatusWord({self.value:04X})"
