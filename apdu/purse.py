"""PBOC purse commands (JR/T 0025.1-0025.2, class 80) and the two known B0 commands of the social-security account.

Amounts are fen, 0..FFFFFFFF. Dates and times are packed digits: YYYYMMDD in 4 bytes, HHMMSS in 3.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import IntEnum

from apdu.command import CommandAPDU
from apdu.errors import MalformedData
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

AMOUNT_MAX = 0xFFFFFFFF


class Purse(IntEnum):
    """P2 of the PBOC commands."""

    DEPOSIT = 1
    """电子存折 ED."""
    PURSE = 2
    """电子钱包 EP."""


class TransactionType(IntEnum):
    """交易类型标识, the byte inside MACs, TACs and logs. Two sources; 03, 04 and 07 are unverified."""

    LOAD_DEPOSIT = 0x01
    LOAD_PURSE = 0x02
    UNLOAD = 0x03
    WITHDRAW_DEPOSIT = 0x04
    PURCHASE_DEPOSIT = 0x05
    PURCHASE_PURSE = 0x06
    OVERDRAFT_CHANGE = 0x07
    PURCHASE_COMPOUND = 0x09


@dataclass(frozen=True, slots=True)
class InitLoadResponse:
    """Answer of INITIALIZE FOR LOAD, 16 bytes: balance 4, online no. 2, key version, algorithm, random 4, MAC1 4.

    Example:
        >>> InitLoadResponse.parse(bytes.fromhex("0000000000000200112233442988AE5A")).mac1.hex().upper()
        '2988AE5A'
    """

    balance_fen: int
    online_no: int
    key_version: int
    algorithm: int
    random: bytes = field(repr=False)
    mac1: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> "InitLoadResponse":
        """Read the 16 bytes.

        Raises:
            MalformedData: another length.
        """
        _length(data, 16, "init_load")
        return cls(_number(data[:4]), _number(data[4:6]), data[6], data[7], data[8:12], data[12:])


@dataclass(frozen=True, slots=True)
class InitPurchaseResponse:
    """Answer of INITIALIZE FOR PURCHASE: balance 4, offline no. 2, overdraft 3, key version, algorithm, random 4."""

    balance_fen: int
    offline_no: int
    overdraft_fen: int
    key_version: int
    algorithm: int
    random: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> "InitPurchaseResponse":
        """Read the 15 bytes.

        Raises:
            MalformedData: another length.
        """
        _length(data, 15, "init_purchase")
        return cls(_number(data[:4]), _number(data[4:6]), _number(data[6:9]), data[9], data[10], data[11:])


@dataclass(frozen=True, slots=True)
class DebitResponse:
    """Answer of DEBIT FOR PURCHASE, 8 bytes: TAC 4, MAC2 4."""

    tac: bytes = field(repr=False)
    mac2: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> "DebitResponse":
        """Read the 8 bytes.

        Raises:
            MalformedData: another length.
        """
        _length(data, 8, "debit")
        return cls(data[:4], data[4:])


def init_load(key_index: int, amount_fen: int, terminal_no: bytes, *, purse: Purse = Purse.PURSE) -> CommandAPDU:
    """INITIALIZE FOR LOAD ``80 50 00 P2 0B`` (圈存初始化): key index 1, amount 4, terminal 6.

    Example:
        >>> init_load(1, 0x1000, bytes.fromhex("001122334455"), purse=Purse.DEPOSIT).encode().hex().upper()
        '805000010B010000100000112233445510'
    """
    return CommandAPDU(0x80, 0x50, 0x00, purse, _initial(key_index, amount_fen, terminal_no), ne=16)


def credit_for_load(at: datetime, mac2: bytes) -> CommandAPDU:
    """CREDIT FOR LOAD ``80 52 0000 0B`` (圈存): date 4, time 3, MAC2 4; a TAC of 4 bytes comes back.

    Example:
        >>> credit_for_load(datetime(2011, 12, 21, 22, 48, 22), bytes.fromhex("3A845BF0")).encode().hex().upper()
        '805200000B201112212248223A845BF004'
    """
    return CommandAPDU(0x80, 0x52, 0x00, 0x00, pack_datetime(at) + _four(mac2, "MAC2"), ne=4)


def init_purchase(key_index: int, amount_fen: int, terminal_no: bytes, *, purse: Purse = Purse.PURSE) -> CommandAPDU:
    """INITIALIZE FOR PURCHASE ``80 50 01 P2 0B`` (消费初始化). Three sources.

    Example:
        >>> init_purchase(1, 1200, bytes(6)).encode().hex()
        '805001020b01000004b00000000000000f'
    """
    return CommandAPDU(0x80, 0x50, 0x01, purse, _initial(key_index, amount_fen, terminal_no), ne=15)


def init_withdraw(key_index: int, amount_fen: int, terminal_no: bytes) -> CommandAPDU:
    """INITIALIZE FOR CASH WITHDRAW ``80 50 02 01 0B`` (取现初始化), the deposit only; goes on with :func:`debit`.

    Three sources. Parse the answer with :class:`InitPurchaseResponse`.

    Example:
        >>> init_withdraw(1, 100, bytes(6)).encode()[:5].hex()
        '805002010b'
    """
    return CommandAPDU(0x80, 0x50, 0x02, Purse.DEPOSIT, _initial(key_index, amount_fen, terminal_no), ne=15)


def init_compound_purchase(key_index: int, amount_fen: int, terminal_no: bytes) -> CommandAPDU:
    """INITIALIZE FOR CAPP PURCHASE ``80 50 03 02 0B`` (复合消费初始化), the purse only. Three sources.

    Goes on with :func:`update_compound_record` and :func:`debit`; parse with :class:`InitPurchaseResponse`.

    Example:
        >>> init_compound_purchase(1, 100, bytes(6)).encode()[:5].hex()
        '805003020b'
    """
    return CommandAPDU(0x80, 0x50, 0x03, Purse.PURSE, _initial(key_index, amount_fen, terminal_no), ne=15)


def update_compound_record(record_id: int, record: bytes, sfi: int = 0) -> CommandAPDU:
    """UPDATE CAPP DATA CACHE ``80 DC`` (更新复合应用数据缓存).

    The header has three sources; P1 and P2 as in UPDATE RECORD are assumed.

    Example:
        >>> update_compound_record(0x01, b"\\x01\\x00", sfi=0x17).encode().hex()
        '80dc01b8020100'
    """
    if not 1 <= record_id <= 0xFE or not 0 <= sfi <= 30 or not 1 <= len(record) <= 255:
        raise InvalidValue(message("cards.apdu.compound"), step="purse")
    return CommandAPDU(0x80, 0xDC, record_id, sfi << 3, record)


@dataclass(frozen=True, slots=True)
class TransactionProof:
    """Answer of GET TRANSACTION PROVE, 8 bytes: MAC 4, TAC 4 (unverified)."""

    mac: bytes = field(repr=False)
    tac: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> "TransactionProof":
        """Read the 8 bytes.

        Raises:
            MalformedData: another length.
        """
        _length(data, 8, "get_transaction_proof")
        return cls(data[:4], data[4:])


def get_transaction_proof(transaction_type: int, txn_no: int) -> CommandAPDU:
    """GET TRANSACTION PROVE ``80 5A 00 type 02`` (取交易认证): MAC and TAC of a transaction whose answer was lost.

    ``txn_no`` is the number the card would have used: offline for purchases, online for loads. One public applet names
    the command and its operands; lengths of the answer unverified.

    Example:
        >>> get_transaction_proof(TransactionType.PURCHASE_PURSE, 3).encode().hex()
        '805a000602000308'
    """
    if not 0 <= txn_no <= 0xFFFF:
        raise InvalidValue(message("cards.apdu.txn_no"), step="purse", term="交易序号")
    return CommandAPDU(0x80, 0x5A, 0x00, transaction_type, txn_no.to_bytes(2, "big"), ne=8)


def debit(terminal_txn_no: bytes, at: datetime, mac1: bytes) -> CommandAPDU:
    """DEBIT FOR PURCHASE ``80 54 0100 0F`` (消费): terminal transaction no. 4, date 4, time 3, MAC1 4.

    Example:
        >>> debit(bytes(4), datetime(2014, 7, 31, 10, 20, 30), bytes(4)).encode().hex()
        '805401000f00000000201407311020300000000008'
    """
    data = _four(terminal_txn_no, "终端交易序号") + pack_datetime(at) + _four(mac1, "MAC1")
    return CommandAPDU(0x80, 0x54, 0x01, 0x00, data, ne=8)


def get_balance(purse: Purse = Purse.PURSE) -> CommandAPDU:
    """GET BALANCE ``80 5C 00 P2 04`` (查询余额); parse with :func:`parse_balance`.

    Example:
        >>> get_balance().encode().hex().upper()
        '805C000204'
    """
    return CommandAPDU(0x80, 0x5C, 0x00, purse, ne=4)


def parse_balance(data: bytes) -> int:
    """Balance in fen from 4 bytes.

    Raises:
        MalformedData: another length.

    Example:
        >>> parse_balance(bytes.fromhex("00001388"))
        5000
    """
    _length(data, 4, "get_balance")
    return _number(data)


def get_account_balance(which: int = 1) -> CommandAPDU:
    """GET BALANCE of the social-security account ``B0 26 00 P2`` (one public page).

    P2 01 个人账户 (4 bytes), 02 年度个人自付累计 and 03 年度统筹支付累计 (6 bytes: amount 4, year 2). After PIN.
    Of the other B0 commands only :func:`init_account_load` is public.

    Example:
        >>> get_account_balance().encode().hex().upper()
        'B026000104'
    """
    if which not in (1, 2, 3):
        raise InvalidValue(message("cards.apdu.account"), step="get_account_balance")
    return CommandAPDU(0xB0, 0x26, 0x00, which, ne=4 if which == 1 else 6)


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """One amount of the social-security account; ``year`` only with the two cumulative amounts."""

    amount_fen: int
    year: int | None

    @classmethod
    def parse(cls, data: bytes) -> "AccountBalance":
        """Read 4 bytes, or 6: amount 4 and year 2, the year as packed digits (assumed).

        Raises:
            MalformedData: another length, or a year that is no digits.

        Example:
            >>> AccountBalance.parse(bytes.fromhex("000027102014"))
            AccountBalance(amount_fen=10000, year=2014)
        """
        if len(data) == 4:
            return cls(_number(data), None)
        _length(data, 6, "get_account_balance")
        year = data[4:].hex()
        if not year.isdigit():
            raise MalformedData(message("cards.apdu.year"), step="get_account_balance", term="年度")
        return cls(_number(data[:4]), int(year))


def init_account_load(key_index: int, amount_fen: int, terminal_no: bytes) -> CommandAPDU:
    """INITIALIZE FOR LOAD of the social-security account ``B0 28 0001 0B`` (账户划入, one public page).

    Example:
        >>> init_account_load(1, 100, bytes(6)).encode()[:5].hex()
        'b02800010b'
    """
    return CommandAPDU(0xB0, 0x28, 0x00, 0x01, _initial(key_index, amount_fen, terminal_no), ne=16)


CHINA = timezone(timedelta(hours=8))
"""The one legal time of the country: what terminals and cards count in."""


def pack_datetime(at: datetime) -> bytes:
    """YYYYMMDDHHMMSS as 7 packed bytes; a time with a zone is written as China Standard Time.

    Example:
        >>> pack_datetime(datetime(2011, 12, 21, 22, 48, 22)).hex()
        '20111221224822'
        >>> pack_datetime(datetime(2011, 12, 21, 22, 48, 22, tzinfo=timezone.utc)).hex()
        '20111222064822'
    """
    at = at if at.tzinfo is None else at.astimezone(CHINA)
    return bytes.fromhex(f"{at.year:04d}{at.month:02d}{at.day:02d}{at.hour:02d}{at.minute:02d}{at.second:02d}")


def pack_amount(amount_fen: int) -> bytes:
    """Fen as 4 bytes, big-endian.

    Raises:
        InvalidValue: no int (a float, a text, a bool), or outside 0..4294967295 fen.

    Example:
        >>> pack_amount(1200).hex()
        '000004b0'
    """
    if type(amount_fen) is not int or not 0 <= amount_fen <= AMOUNT_MAX:
        raise InvalidValue(message("cards.apdu.amount"), step="purse", term="交易金额")
    return amount_fen.to_bytes(4, "big")


def one_byte(value: int, term: str) -> bytes:
    """A number as one byte.

    Raises:
        InvalidValue: outside 0..255.
    """
    if not 0 <= value <= 0xFF:
        raise InvalidValue(message("cards.apdu.one_byte"), step="purse", term=term)
    return bytes((value,))


def _initial(key_index: int, amount_fen: int, terminal_no: bytes) -> bytes:
    if len(terminal_no) != 6:
        raise InvalidValue(message("readers.terminal_no"), step="purse", term="终端机编号")
    return one_byte(key_index, "密钥索引") + pack_amount(amount_fen) + terminal_no


def _four(value: bytes, term: str) -> bytes:
    if len(value) != 4:
        raise InvalidValue(message("cards.apdu.size", size=4, count=len(value)), step="purse", term=term)
    return value


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _length(data: bytes, size: int, step: str) -> None:
    if len(data) != size:
        raise MalformedData(message("cards.answer.size", count=len(data), size=size), step=step)
