"""PSAM commands: social-security BFDE / 801A + 80FA, and the PBOC purchase pair 8070 / 8072."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from apdu.command import CommandAPDU
from apdu.errors import MalformedData
from apdu.purse import one_byte, pack_amount, pack_datetime
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

PSAM_AID = bytes.fromhex("D15600000590")
"""Application DF01 of the social-security PSAM; two sources."""

SSF33_ENVIRONMENT_AID = bytes.fromhex("7378322E73682EC9E7BBE1B1A3D5CF")
"""``sx2.sh.`` and 社会保障: the SSF33 tree of a PSAM; its 3DES tree has the card's environment name. Two sources."""

KEY_ID_RK_SSSE = 0x0A
"""PSAM key that reads EF06; two sources."""

KEY_ID_UK_SSSE = 0x12
"""PSAM key that writes EF05 and EF06; two sources."""

MAX_LEVELS = 3


class KeyType(IntEnum):
    """Low five bits of the usage byte."""

    MASTER = 0
    MAINTENANCE = 1
    DEBIT = 2
    PIN_UNBLOCK = 3
    PIN_RELOAD = 4
    APPLICATION_MAINTENANCE = 5
    MAC = 6
    ENCRYPT = 7
    MAC_ENCRYPT = 8


def usage_byte(levels: int, key_type: KeyType) -> int:
    """High three bits: diversification levels; low five: key type.

    Example:
        >>> f"{usage_byte(2, KeyType.MAC_ENCRYPT):02X} {usage_byte(1, KeyType.MAC_ENCRYPT):02X}"
        '48 28'
    """
    if not 0 <= levels <= MAX_LEVELS:
        raise InvalidValue(message("cards.apdu.levels"), step="usage_byte", term="分散级数")
    return levels << 5 | key_type


def init_for_descrypt(
    key_type: KeyType, key_id: int, factors: list[bytes], process: bytes, *, classic: bool = False
) -> CommandAPDU:
    """INIT_FOR_DESCRYPT ``BF DE usage keyid`` (通用DES计算初始化); ``classic`` sends ``80 1A`` as older PSAMs want.

    Args:
        key_type: what the key is for.
        key_id: its number in the PSAM.
        factors: wire order: **ATR factor first, city factor second**, although the hierarchy is city, then card.
        process: process factor, 8 bytes: for external authentication the card's most recent challenge.

    Example:
        >>> command = init_for_descrypt(KeyType.MAC_ENCRYPT, 0x12, [bytes(8), b"371700sx"], bytes(8))
        >>> command.encode()[:5].hex().upper()
        'BFDE481218'
    """
    if len(process) != 8 or any(len(factor) != 8 for factor in factors):
        raise InvalidValue(message("cards.apdu.factors"), step="init_for_descrypt", term="分散因子")
    cla, ins = (0x80, 0x1A) if classic else (0xBF, 0xDE)
    return CommandAPDU(cla, ins, usage_byte(len(factors), key_type), key_id, b"".join(factors) + process)


def descrypt(data: bytes) -> CommandAPDU:
    """DES_CRYPT ``80 FA 0000`` (通用DES计算): encrypt one or more 8-byte blocks with the prepared key."""
    if not data or len(data) % 8:
        raise InvalidValue(message("cards.apdu.blocks"), step="descrypt")
    return CommandAPDU(0x80, 0xFA, 0x00, 0x00, data, ne=len(data))


def sam_mac(data: bytes) -> CommandAPDU:
    """DES_CRYPT with P1 = 05, a MAC instead of a cryptogram: ``80 FA 0500``, generic PSAMs.

    One public vendor code; the length of the answer is not public, so all of it is asked for.

    Example:
        >>> sam_mac(bytes(8)).encode().hex()
        '80fa050008000000000000000000'
    """
    if not data or len(data) % 8:
        raise InvalidValue(message("cards.apdu.blocks"), step="sam_mac")
    return CommandAPDU(0x80, 0xFA, 0x05, 0x00, data, ne=256)


@dataclass(frozen=True, slots=True)
class SamPurchaseRequest:
    """What INIT_SAM_FOR_PURCHASE needs; ``factors`` in wire order, the card's first."""

    card_random: bytes = field(repr=False)
    card_txn_no: int
    amount_fen: int
    transaction_type: int
    at: datetime
    key_version: int
    algorithm: int
    factors: tuple[bytes, ...]


def init_sam_for_purchase(request: SamPurchaseRequest) -> CommandAPDU:
    """INIT_SAM_FOR_PURCHASE ``80 70 0000`` (MAC1计算): Lc 1C for one level, 24 for two.

    Example:
        >>> request = SamPurchaseRequest(bytes(4), 1, 100, 6, datetime(2014, 7, 31), 1, 0, (bytes(8), b"430100sx"))
        >>> init_sam_for_purchase(request).encode()[:5].hex()
        '8070000024'
    """
    if len(request.card_random) != 4 or not request.factors or any(len(factor) != 8 for factor in request.factors):
        raise InvalidValue(message("cards.apdu.purchase"), step="init_sam_for_purchase")
    data = (
        request.card_random
        + _two(request.card_txn_no)
        + pack_amount(request.amount_fen)
        + one_byte(request.transaction_type, "交易类型标识")
        + pack_datetime(request.at)
        + one_byte(request.key_version, "密钥版本")
        + one_byte(request.algorithm, "算法标识")
        + b"".join(request.factors)
    )
    return CommandAPDU(0x80, 0x70, 0x00, 0x00, data, ne=8)


@dataclass(frozen=True, slots=True)
class SamPurchaseResponse:
    """Answer of INIT_SAM_FOR_PURCHASE, 8 bytes: terminal transaction no. 4, MAC1 4."""

    terminal_txn_no: bytes
    mac1: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> "SamPurchaseResponse":
        """Read the 8 bytes.

        Raises:
            MalformedData: another length.
        """
        if len(data) != 8:
            raise MalformedData(message("cards.answer.size", count=len(data), size=8), step="init_sam_for_purchase")
        return cls(data[:4], data[4:])


def credit_sam_for_purchase(mac2: bytes) -> CommandAPDU:
    """CREDIT_SAM_FOR_PURCHASE ``80 72 0000 04`` (校验MAC2): a wrong MAC2 lowers the PSAM's budget."""
    if len(mac2) != 4:
        raise InvalidValue(message("cards.apdu.mac2"), step="credit_sam_for_purchase")
    return CommandAPDU(0x80, 0x72, 0x00, 0x00, mac2)


def _two(value: int) -> bytes:
    if not 0 <= value <= 0xFFFF:
        raise InvalidValue(message("cards.apdu.txn_no"), step="init_sam_for_purchase", term="交易序号")
    return value.to_bytes(2, "big")


def read_terminal_number() -> CommandAPDU:
    """Read the 6-byte terminal number: ``00 B0 96 00 06``, EF 16 of a purchase SAM (assumed: PBOC practice)."""
    return CommandAPDU(0x00, 0xB0, 0x96, 0x00, ne=6)
