"""交易验证码 (TAC): the card's proof of a purchase, verified in bulk when terminals send their journals.

The TAC key is the card's DTK, left half XOR right half; the MAC is DES-CBC, zero
IV, padding 80 00…, left 4 bytes. Source: JR/T 0025 as public pages quote it. The
fields of the TAC of a *load* are not public with certainty, so only purchases
are verified.
"""

import hmac
from collections.abc import Sequence
from enum import IntEnum

from sbcard_core.crypto.cipher import parts
from sbcard_core.crypto.diversify import derive_many
from sbcard_core.crypto.errors import KeyRefused, TacMismatch
from sbcard_core.crypto.keys import Algorithm, KeyUsage, SecretKey
from sbcard_core.crypto.layout import Value
from sbcard_core.crypto.mac import cbc_mac, pad_iso2
from sbcard_core.crypto.purse import PURCHASE_TAC
from sbcard_core.errors import InvalidValue

TAC_LENGTH = 4
MESSAGE_LENGTH = PURCHASE_TAC.size


class TacStatus(IntEnum):
    """What became of one record's TAC; a record has exactly one status."""

    VERIFIED = 0
    """The card made this record."""
    MISMATCH = 1
    """The card did not make this record, or it was changed on the way."""
    MALFORMED = 2
    """The message or the TAC has the wrong length: nothing was computed."""


def _fold_halves(keys: bytes) -> bytes:
    """XOR the halves of n × 16 bytes of keys: n × 8 bytes."""
    lanes = memoryview(keys).cast("Q")
    left, right = lanes[0::2].tobytes(), lanes[1::2].tobytes()
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")


def _need_dtk(key: SecretKey) -> None:
    if key.usage is not KeyUsage.DTK or key.algorithm is not Algorithm.TDES:
        raise KeyRefused(f"a TAC needs a 3DES DTK, not {key.usage.value} {key.algorithm.value}", step="crypto.tac")


def tac_key(dtk: SecretKey | bytes) -> bytes:
    """Return the 8-byte TAC key: DTK left half XOR right half.

    Example:
        >>> tac_key(bytes.fromhex("00112233445566778899AABBCCDDEEFF")).hex()
        '8888888888888888'
    """
    material = dtk.material() if isinstance(dtk, SecretKey) else dtk
    if len(material) != 16:
        raise KeyRefused("a DTK has 16 bytes", step="crypto.tac", term="密钥长度")
    return _fold_halves(material)


def purchase_message(amount: int, type: int, terminal: Value, terminal_txn_no: int | bytes, datetime: Value) -> bytes:  # noqa: A002
    """Pack what the TAC of a purchase covers: 22 bytes.

    Args:
        amount: fen, 4 bytes.
        type: transaction type, 6 for a purchase from the purse (电子钱包).
        terminal: 终端机编号, 12 BCD digits or 6 bytes.
        terminal_txn_no: 终端交易序号, 4 bytes.
        datetime: a ``datetime``, ``"YYYYMMDDHHMMSS"`` or 7 BCD bytes.

    Raises:
        InvalidValue: a value does not fit; in a bulk journal pass ``b""`` for such a record and let
            :func:`verify_many` mark it.

    Example:
        >>> purchase_message(100, 6, "001122334455", 1, "20140801120000").hex()
        '00000064060011223344550000000120140801120000'
    """
    return PURCHASE_TAC.pack(amount, type, terminal, terminal_txn_no, datetime)


def compute(dtk: SecretKey | bytes, message: bytes) -> bytes:
    """Compute the 4-byte TAC of a message with the card's DTK.

    Example:
        >>> compute(bytes(range(16)), bytes(22)).hex()
        '7a91a1f8'
    """
    return cbc_mac(tac_key(dtk), message)


def verify(dtk: SecretKey | bytes, message: bytes, tac: bytes) -> None:
    """Verify one TAC in constant time.

    Raises:
        TacMismatch: it does not verify.

    Example:
        >>> verify(bytes(16), bytes(22), compute(bytes(16), bytes(22)))
    """
    if not hmac.compare_digest(compute(dtk, message), tac):
        raise TacMismatch("the TAC does not verify", step="crypto.tac.verify", term="交易验证码", advice="do not pay")


def verify_many(
    master_city: SecretKey, factors: bytes, messages: Sequence[bytes], tacs: Sequence[bytes]
) -> list[TacStatus]:
    """Verify the TACs of a journal: one status per record, in the order of the records.

    Args:
        master_city: the city's DTK (the level above the card).
        factors: n × 8 bytes, each card's diversification factor.
        messages: n messages of 22 bytes, see :func:`purchase_message`.
        tacs: n TACs of 4 bytes.

    Returns:
        n statuses. A message or a TAC of the wrong length is ``MALFORMED`` and stops nothing.

    Raises:
        InvalidValue: the three sequences don't hold the same number of records.
        KeyRefused: the key is not a 3DES DTK.

    Example:
        >>> city = SecretKey(bytes(range(16)), KeyUsage.DTK)
        >>> verify_many(city, bytes(16), [bytes(22), bytes(21)], [bytes(4), bytes(4)])
        [<TacStatus.MISMATCH: 1>, <TacStatus.MALFORMED: 2>]
    """
    _need_dtk(master_city)
    if len(factors) != 8 * len(messages) or len(messages) != len(tacs):
        raise InvalidValue(
            f"{len(factors)} bytes of factors, {len(messages)} messages, {len(tacs)} TACs", step="crypto.tac"
        )
    keys = _fold_halves(derive_many(master_city, factors))
    cipher, tdes, cbc = parts().cipher, parts().tdes, parts().cbc(bytes(8))
    verified, mismatch, malformed = TacStatus.VERIFIED, TacStatus.MISMATCH, TacStatus.MALFORMED
    padding = pad_iso2(bytes(MESSAGE_LENGTH))[MESSAGE_LENGTH:]
    out: list[TacStatus] = []
    for i, (message, tac) in enumerate(zip(messages, tacs, strict=True)):
        if len(message) != MESSAGE_LENGTH or len(tac) != TAC_LENGTH:
            out.append(malformed)
            continue
        computed = cipher(tdes(keys[8 * i : 8 * i + 8] * 3), cbc).encryptor().update(message + padding)[-8:-4]
        out.append(verified if hmac.compare_digest(computed, tac) else mismatch)
    return out
