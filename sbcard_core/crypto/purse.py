"""电子钱包 arithmetic of PBOC: session keys, MAC1 and MAC2 of load and purchase.

Source: JR/T 0025 (as public pages quote it, with a published example that the
tests recompute). Session keys are 3DES of one block; MACs are DES-CBC with the
8-byte session key, padding 80 00…, zero IV, left 4 bytes. Amounts are fen in
4 bytes, unsigned, big-endian.
"""

from sbcard_core.crypto import layout
from sbcard_core.crypto.cipher import ecb_encrypt
from sbcard_core.crypto.errors import KeyRefused
from sbcard_core.crypto.keys import Algorithm, KeyUsage, SecretKey
from sbcard_core.crypto.layout import Field, Layout, Value
from sbcard_core.crypto.mac import cbc_mac
from sbcard_core.errors import InvalidValue

BALANCE = Field("balance", 4, layout.amount)
AMOUNT = Field("amount", 4, layout.amount)
TYPE = Field("type", 1, layout.number)
TERMINAL = Field("terminal", 6, layout.digits)
DATETIME = Field("datetime", 7, layout.moment)
TERMINAL_TXN_NO = Field("terminal_txn_no", 4, layout.number)

LOAD_MAC1 = Layout("load MAC1", (BALANCE, AMOUNT, TYPE, TERMINAL))
LOAD_MAC2 = Layout("load MAC2", (AMOUNT, TYPE, TERMINAL, DATETIME))
PURCHASE_MAC1 = Layout("purchase MAC1", (AMOUNT, TYPE, TERMINAL, DATETIME))
PURCHASE_MAC2 = Layout("purchase MAC2", (AMOUNT,))
PURCHASE_TAC = Layout("purchase TAC", (AMOUNT, TYPE, TERMINAL, TERMINAL_TXN_NO, DATETIME))


def _session(key: SecretKey, block: bytes, *, step: str) -> SecretKey:
    if key.algorithm is not Algorithm.TDES:
        raise KeyRefused("the SM4 session key rule is not public", step=step, term="过程密钥")
    return SecretKey(ecb_encrypt(key, block), KeyUsage.SESSION)


def _part(value: int | bytes, size: int, name: str, step: str) -> bytes:
    if isinstance(value, int):
        if not 0 <= value < 1 << (8 * size):
            raise InvalidValue(f"{name} does not fit in {size} bytes", step=step)
        return value.to_bytes(size, "big")
    if len(value) != size:
        raise InvalidValue(f"{name} has {size} bytes", step=step)
    return bytes(value)


def load_session_key(key: SecretKey, random: bytes, online_no: int | bytes) -> SecretKey:
    """Session key of a load (圈存过程密钥): 3DES(DLK, random 4 ‖ online transaction number 2 ‖ 8000).

    Args:
        key: the card's load key DLK.
        random: 4 bytes from the answer to INITIALIZE FOR LOAD.
        online_no: 联机交易序号 from the same answer.

    Example:
        >>> key = SecretKey(bytes.fromhex("11223344556677888877665544332211"), KeyUsage.DLK)
        >>> load_session_key(key, bytes.fromhex("11223344"), 0).material().hex().upper()
        '9B1D924E05595603'
    """
    step = "crypto.purse.load_session_key"
    block = _part(random, 4, "random", step) + _part(online_no, 2, "online_no", step) + b"\x80\x00"
    return _session(key, block, step=step)


def purchase_session_key(
    key: SecretKey, random: bytes, offline_no: int | bytes, terminal_txn_no: int | bytes
) -> SecretKey:
    """Session key of a purchase: 3DES(DPK, random 4 ‖ offline number 2 ‖ last 2 bytes of the terminal's number).

    Args:
        key: the card's purchase key DPK.
        random: 4 bytes from the answer to INITIALIZE FOR PURCHASE.
        offline_no: 脱机交易序号 from the same answer, 2 bytes.
        terminal_txn_no: 终端交易序号, 4 bytes.

    Example:
        >>> purchase_session_key(SecretKey(bytes(16), KeyUsage.DPK), bytes(4), 1, 0x10002)
        <SecretKey SESSION 3DES 8 bytes>
    """
    step = "crypto.purse.purchase_session_key"
    number = _part(terminal_txn_no, 4, "terminal_txn_no", step)
    return _session(
        key, _part(random, 4, "random", step) + _part(offline_no, 2, "offline_no", step) + number[2:], step=step
    )


def load_mac1(session: SecretKey, balance: int, amount: int, type: int, terminal: Value) -> bytes:  # noqa: A002
    """MAC1 of a load, computed by the card: balance ‖ amount ‖ type ‖ terminal number.

    Example:
        >>> session = SecretKey(bytes.fromhex("9B1D924E05595603"), KeyUsage.SESSION)
        >>> load_mac1(session, 0, 0x1000, 1, "001122334455").hex().upper()
        '2988AE5A'
    """
    return cbc_mac(session, LOAD_MAC1.pack(balance, amount, type, terminal))


def load_mac2(session: SecretKey, amount: int, type: int, terminal: Value, datetime: Value) -> bytes:  # noqa: A002
    """MAC2 of a load, computed by the host: amount ‖ type ‖ terminal number ‖ date ‖ time.

    Example:
        >>> session = SecretKey(bytes.fromhex("9B1D924E05595603"), KeyUsage.SESSION)
        >>> load_mac2(session, 0x1000, 1, "001122334455", "20111221214822").hex().upper()
        '3A845BF0'
    """
    return cbc_mac(session, LOAD_MAC2.pack(amount, type, terminal, datetime))


def purchase_mac1(session: SecretKey, amount: int, type: int, terminal: Value, datetime: Value) -> bytes:  # noqa: A002
    """MAC1 of a purchase, computed by the PSAM: amount ‖ type ‖ terminal number ‖ date ‖ time.

    Example:
        >>> len(purchase_mac1(SecretKey(b"12345678", KeyUsage.SESSION), 100, 6, "001122334455", "20140801120000"))
        4
    """
    return cbc_mac(session, PURCHASE_MAC1.pack(amount, type, terminal, datetime))


def purchase_mac2(session: SecretKey, amount: int) -> bytes:
    """MAC2 of a purchase, computed by the card: the amount.

    Example:
        >>> len(purchase_mac2(SecretKey(b"12345678", KeyUsage.SESSION), 100))
        4
    """
    return cbc_mac(session, PURCHASE_MAC2.pack(amount))
