"""Every instruction that is known, one line each: what a trace calls it, how well it is known, which call builds it.

``confidence``: H three or more independent sources, M two, L one, R reasoned or from a general standard only.
A command that is not here is not invented: the B0 commands that credit and debit the medical account are unknown.
The table is also the allow-list of traces: :mod:`apdu.scrub` records the data of an instruction marked ``recorded``.
"""

from dataclasses import dataclass

from apdu.classbyte import SecureMessaging, secure_messaging_of
from apdu.errors import ClassRefused


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction.

    Args:
        cla: class without channel, chaining and secure-messaging bits.
        ins: instruction byte.
        p1, p2: where they tell instructions apart, else None.
        en, zh: names.
        source: where the byte form is known from.
        confidence: H, M, L or R.
        builder: module and function of ``apdu`` that build it.
        recorded: its data and its answer hold neither PIN nor key and may stand in a trace.
    """

    cla: int
    ins: int
    p1: int | None
    p2: int | None
    en: str
    zh: str
    source: str
    confidence: str
    builder: str
    recorded: bool = True


_ISO, _CODE, _PBOC = "ISO/IEC 7816-4:2013", "public vendor code", "JR/T 0025.1-.2, public pages"
_PKI = "public vendor code of 3.00 cards"

INSTRUCTIONS = (
    Instruction(0x00, 0xA4, 0x04, None, "SELECT by name", "按名称选择", _CODE, "H", "instructions.select_aid"),
    Instruction(0x00, 0xA4, 0x02, None, "SELECT EF", "选择文件", _CODE, "H", "instructions.select_ef"),
    Instruction(0x00, 0xA4, 0x00, None, "SELECT by identifier", "按标识选择", _CODE, "H", "instructions.select_fid"),
    Instruction(0x00, 0xB2, None, None, "READ RECORD", "读记录", _CODE, "H", "instructions.read_record"),
    Instruction(0x00, 0xDC, None, None, "UPDATE RECORD", "修改记录", _CODE, "M", "instructions.update_record"),
    Instruction(0x00, 0xE2, 0x00, None, "APPEND RECORD", "添加记录", _ISO, "R", "instructions.append_record"),
    Instruction(0x00, 0xB0, None, None, "READ BINARY", "读二进制", _CODE, "M", "instructions.read_binary"),
    Instruction(0x00, 0xD6, None, None, "UPDATE BINARY", "修改二进制", _CODE, "L", "instructions.update_binary"),
    Instruction(0x00, 0xCA, None, None, "GET DATA", "取数据", _ISO, "R", "instructions.get_data"),
    Instruction(0x00, 0x84, None, None, "GET CHALLENGE", "取随机数", _CODE, "H", "instructions.get_challenge"),
    Instruction(0x00, 0xC0, None, None, "GET RESPONSE", "取响应", _CODE, "H", "instructions.get_response"),
    Instruction(
        0x00, 0x88, None, None, "INTERNAL AUTHENTICATE", "内部认证", _CODE, "M", "instructions.internal_authenticate"
    ),
    Instruction(
        0x00, 0x82, None, None, "EXTERNAL AUTHENTICATE", "外部认证", _CODE, "H", "instructions.external_authenticate"
    ),
    Instruction(
        0x00, 0x20, 0x01, 0x81, "VERIFY user PIN (PKI)", "校验用户密码", _PKI, "M", "pki.verify_user_pin", False
    ),
    Instruction(
        0x00, 0x20, 0x01, 0x00, "VERIFY admin PIN (PKI)", "校验管理密码", _PKI, "M", "pki.verify_admin_pin", False
    ),
    Instruction(0x00, 0x20, None, None, "VERIFY PIN", "校验密码", _CODE, "H", "instructions.verify_pin", False),
    Instruction(0x00, 0x70, 0x00, None, "MANAGE CHANNEL open", "打开逻辑信道", _ISO, "R", "classbyte.open_channel"),
    Instruction(0x00, 0x70, 0x80, None, "MANAGE CHANNEL close", "关闭逻辑信道", _ISO, "R", "classbyte.close_channel"),
    Instruction(0x80, 0x50, 0x00, None, "INITIALIZE FOR LOAD", "圈存初始化", _PBOC, "H", "purse.init_load"),
    Instruction(0x80, 0x50, 0x01, None, "INITIALIZE FOR PURCHASE", "消费初始化", _PBOC, "H", "purse.init_purchase"),
    Instruction(
        0x80, 0x50, 0x02, None, "INITIALIZE FOR CASH WITHDRAW", "取现初始化", _PBOC, "H", "purse.init_withdraw"
    ),
    Instruction(
        0x80,
        0x50,
        0x03,
        None,
        "INITIALIZE FOR CAPP PURCHASE",
        "复合消费初始化",
        _PBOC,
        "H",
        "purse.init_compound_purchase",
    ),
    Instruction(
        0x80,
        0xDC,
        None,
        None,
        "UPDATE CAPP DATA CACHE",
        "更新复合应用数据缓存",
        _PBOC,
        "R",
        "purse.update_compound_record",
    ),
    Instruction(0x80, 0x52, None, None, "CREDIT FOR LOAD", "圈存", _PBOC, "H", "purse.credit_for_load"),
    Instruction(0x80, 0x54, None, None, "DEBIT", "消费", _PBOC, "H", "purse.debit"),
    Instruction(0x80, 0x5C, None, None, "GET BALANCE", "查询余额", _PBOC, "H", "purse.get_balance"),
    Instruction(
        0x80,
        0x5A,
        None,
        None,
        "GET TRANSACTION PROVE",
        "取交易认证",
        "a public applet",
        "L",
        "purse.get_transaction_proof",
    ),
    Instruction(
        0xB0, 0x26, None, None, "GET BALANCE (account)", "查询账户", "a public page", "L", "purse.get_account_balance"
    ),
    Instruction(
        0xB0,
        0x28,
        None,
        None,
        "INITIALIZE FOR LOAD (account)",
        "账户划入初始化",
        "a public page",
        "L",
        "purse.init_account_load",
    ),
    Instruction(0x80, 0x5E, 0x01, 0x00, "CHANGE PIN", "修改密码", _CODE, "H", "instructions.change_pin", False),
    Instruction(0x80, 0x5E, 0x00, None, "RELOAD PIN", "重装密码", _PBOC, "R", "maintenance.reload_pin", False),
    Instruction(0x80, 0x24, 0x00, 0x00, "PIN UNBLOCK", "解锁密码", _CODE, "L", "maintenance.unblock_pin", False),
    Instruction(0x80, 0x24, 0x00, 0x01, "PIN RELOAD", "重装密码", _CODE, "L", "maintenance.reload_pin_secure", False),
    Instruction(
        0x80, 0x1E, None, None, "APPLICATION BLOCK", "应用锁定", _PBOC, "H", "maintenance.application_block", False
    ),
    Instruction(
        0x80, 0x18, None, None, "APPLICATION UNBLOCK", "应用解锁", _PBOC, "H", "maintenance.application_unblock", False
    ),
    Instruction(0x80, 0x16, None, None, "CARD BLOCK", "卡锁定", _PBOC, "H", "maintenance.card_block", False),
    Instruction(0x80, 0xC4, 0x01, 0x03, "HASH PIN (PKI)", "计算密码摘要", _PKI, "M", "pki.hash_pin", False),
    Instruction(0x80, 0xD4, 0x01, None, "UPDATE KEY (PKI)", "更新密钥", _PKI, "M", "pki.update_master_key", False),
    Instruction(0xBF, 0xDE, None, None, "INIT_FOR_DESCRYPT", "通用DES计算初始化", _CODE, "H", "psam.init_for_descrypt"),
    Instruction(
        0x80, 0x1A, None, None, "INIT_FOR_DESCRYPT (classic)", "通用DES计算初始化", _CODE, "H", "psam.init_for_descrypt"
    ),
    Instruction(0x80, 0xFA, 0x00, None, "DES_CRYPT", "通用DES计算", _CODE, "H", "psam.descrypt"),
    Instruction(0x80, 0xFA, 0x05, None, "DES_CRYPT (MAC)", "通用MAC计算", _CODE, "L", "psam.sam_mac"),
    Instruction(0x80, 0x70, None, None, "INIT_SAM_FOR_PURCHASE", "MAC1计算", _CODE, "H", "psam.init_sam_for_purchase"),
    Instruction(
        0x80, 0x72, None, None, "CREDIT_SAM_FOR_PURCHASE", "校验MAC2", _CODE, "H", "psam.credit_sam_for_purchase"
    ),
)


def plain_class(cla: int) -> int:
    """The class without channel, chaining and secure-messaging bits; one whose bits are not known as it is.

    Reserved classes (20 to 3F) have no known bits.

    Example:
        >>> f"{plain_class(0x15):02X} {plain_class(0x84):02X} {plain_class(0xB0):02X}"
        '00 80 B0'
    """
    return cla if cla >= 0xA0 or cla & 0xE0 == 0x20 else cla & 0x80


def find(cla: int, ins: int, p1: int, p2: int) -> Instruction | None:
    """What a header asks for; None when it is not known.

    Example:
        >>> find(0x84, 0x24, 0x00, 0x01).en, find(0x00, 0x20, 0x00, 0x00).zh, find(0xB0, 0x2A, 0, 1)
        ('PIN RELOAD', '校验密码', None)
    """
    plain = plain_class(cla)
    for one in INSTRUCTIONS:
        if (one.cla, one.ins) == (plain, ins) and one.p1 in (None, p1) and one.p2 in (None, p2):
            return one
    return None


def is_protected(cla: int) -> bool:
    """True where the class says secure messaging."""
    try:
        return secure_messaging_of(cla) is not SecureMessaging.NONE
    except ClassRefused:
        return False
