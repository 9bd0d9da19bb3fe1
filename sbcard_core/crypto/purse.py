"""电子钱包 arithmetic of PBOC: session keys, MAC1 and MAC2 of load and purchase.

Source: JR/T 0025 (as public pages quote it, with a published example that the
tests recompute). Session keys are 3DES of one block; MACs are DES-CBC with the
8-byte session key, padding 80 00…, zero IV, left 4 bytes. Amounts are fen in
4 bytes, unsigned, big-endian. What SM4 does here is not public: it is a rule of
the profile (``crypto.rules``), refused until set.

The social-security account in DF04 uses the same arithmetic with the
transaction type as an ASCII character (two public sources): pass ``b"1"``.
"""

from sbcard_core.crypto import layout
from sbcard_core.crypto.bulk import Keys, Messages, Rows
from sbcard_core.crypto.diversify import session_key
from sbcard_core.crypto.keys import Algorithm, KeyUsage, SecretKey, need_usage
from sbcard_core.crypto.layout import Field, Layout, Value
from sbcard_core.crypto.mac import cbc_mac, cbc_mac_many
from sbcard_core.crypto.rules import UNSET, PurseRules, Sm4MacRule
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
LAYOUTS = {one.name: one for one in (LOAD_MAC1, LOAD_MAC2, PURCHASE_MAC1, PURCHASE_MAC2, PURCHASE_TAC)}
"""Every message of the purse by name; the TAC of a load is a rule of the profile."""

ONLINE_NO = Field("online_no", 2, layout.number)
LOAD_TAC_CANDIDATE = Layout("load TAC", (BALANCE, ONLINE_NO, AMOUNT, TYPE, TERMINAL, DATETIME))
"""Assumed: new balance ‖ online number ‖ amount ‖ type ‖ terminal ‖ date and time. The sources are in doubt about it;
nothing uses it unless ``PurseRules.load_tac`` is set to it."""

MAC_LENGTH = 4


def _part(value: int | bytes, size: int, name: str, step: str) -> bytes:
    if isinstance(value, int):
        if not 0 <= value < 1 << (8 * size):
            raise InvalidValue(f"{name} does not fit in {size} bytes", step=step)
        return value.to_bytes(size, "big")
    if len(value) != size:
        raise InvalidValue(f"{name} has {size} bytes", step=step)
    return bytes(value)


def _session(key: SecretKey, block: bytes, rules: PurseRules) -> SecretKey:
    made = session_key(key, block, rules=rules)
    assert isinstance(made, SecretKey)
    return made


def load_session_key(key: SecretKey, random: bytes, online_no: int | bytes, *, rules: PurseRules = UNSET) -> SecretKey:
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
    need_usage(key, KeyUsage.DLK, step=step)
    block = _part(random, 4, "random", step) + _part(online_no, 2, "online_no", step) + b"\x80\x00"
    return _session(key, block, rules)


def purchase_session_key(
    key: SecretKey,
    random: bytes,
    offline_no: int | bytes,
    terminal_txn_no: int | bytes,
    *,
    rules: PurseRules = UNSET,
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
    need_usage(key, KeyUsage.DPK, step=step)
    number = _part(terminal_txn_no, 4, "terminal_txn_no", step)
    return _session(
        key, _part(random, 4, "random", step) + _part(offline_no, 2, "offline_no", step) + number[2:], rules
    )


def message_mac(session: SecretKey, message: bytes, *, rules: PurseRules = UNSET) -> bytes:
    """MAC1 or MAC2 over a packed message: 4 bytes.

    Raises:
        KeyRefused: the key is no session key.
        AssumptionNotSet: an SM4 session key without a rule.

    Example:
        >>> session = SecretKey(bytes.fromhex("9B1D924E05595603"), KeyUsage.SESSION)
        >>> message_mac(session, LOAD_MAC1.pack(0, 0x1000, 1, "001122334455")).hex().upper()
        '2988AE5A'
    """
    need_usage(session, KeyUsage.SESSION, step="crypto.purse.mac")
    fold = session.algorithm is not Algorithm.TDES and rules.need_sm4_mac() is Sm4MacRule.FOLD
    return cbc_mac(session, message, length=MAC_LENGTH, fold=fold)


def message_mac_many(
    sessions: Keys, messages: Messages, offsets: object = None, *, message_length: int | None = None, workers: int = 1
) -> Rows:
    """MAC1 or MAC2 of n packed messages, each under its own 8-byte session key (3DES purse).

    Args:
        sessions: n × 8 bytes, or a sequence of session keys.
        messages: see :mod:`sbcard_core.crypto.bulk`.

    Example:
        >>> message = bytes.fromhex("000000000000100001001122334455")
        >>> message_mac_many(bytes.fromhex("9B1D924E05595603"), [message])[0].hex()
        '2988ae5a'
    """
    return cbc_mac_many(sessions, messages, offsets, message_length=message_length, length=MAC_LENGTH, workers=workers)


def load_mac1(
    session: SecretKey,
    balance: int,
    amount: int,
    type: int | bytes,  # noqa: A002
    terminal: Value,
    *,
    rules: PurseRules = UNSET,
) -> bytes:
    """MAC1 of a load, computed by the card: balance ‖ amount ‖ type ‖ terminal number.

    Example:
        >>> session = SecretKey(bytes.fromhex("9B1D924E05595603"), KeyUsage.SESSION)
        >>> load_mac1(session, 0, 0x1000, 1, "001122334455").hex().upper()
        '2988AE5A'
    """
    return message_mac(session, LOAD_MAC1.pack(balance, amount, type, terminal), rules=rules)


def load_mac2(
    session: SecretKey,
    amount: int,
    type: int | bytes,  # noqa: A002
    terminal: Value,
    datetime: Value,
    *,
    rules: PurseRules = UNSET,
) -> bytes:
    """MAC2 of a load, computed by the host: amount ‖ type ‖ terminal number ‖ date ‖ time.

    Example:
        >>> session = SecretKey(bytes.fromhex("9B1D924E05595603"), KeyUsage.SESSION)
        >>> load_mac2(session, 0x1000, 1, "001122334455", "20111221214822").hex().upper()
        '3A845BF0'
    """
    return message_mac(session, LOAD_MAC2.pack(amount, type, terminal, datetime), rules=rules)


def purchase_mac1(
    session: SecretKey,
    amount: int,
    type: int | bytes,  # noqa: A002
    terminal: Value,
    datetime: Value,
    *,
    rules: PurseRules = UNSET,
) -> bytes:
    """MAC1 of a purchase, computed by the PSAM: amount ‖ type ‖ terminal number ‖ date ‖ time.

    Example:
        >>> len(purchase_mac1(SecretKey(b"12345678", KeyUsage.SESSION), 100, 6, "001122334455", "20140801120000"))
        4
    """
    return message_mac(session, PURCHASE_MAC1.pack(amount, type, terminal, datetime), rules=rules)


def purchase_mac2(session: SecretKey, amount: int, *, rules: PurseRules = UNSET) -> bytes:
    """MAC2 of a purchase, computed by the card: the amount.

    Example:
        >>> len(purchase_mac2(SecretKey(b"12345678", KeyUsage.SESSION), 100))
        4
    """
    return message_mac(session, PURCHASE_MAC2.pack(amount), rules=rules)
