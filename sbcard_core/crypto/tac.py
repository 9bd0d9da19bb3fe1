"""交易验证码 (TAC): the card's proof of a purchase, verified in bulk when terminals send their journals.

The TAC key is the card's DTK, left half XOR right half; the MAC is DES-CBC, zero
IV, padding 80 00…, left 4 bytes. Source: JR/T 0025 as public pages quote it. The
fields of the TAC of a *load* and the TAC under SM4 are not public with certainty:
they are rules of the profile (``crypto.rules``), refused until set.

The speed of :func:`verify_many` holds only where policy allows the city's DTK in
software; a security module verifies one record at a time, see ``crypto.holder``.
"""

import hmac
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, overload

from sbcard_core.crypto import arrow, bulk, engine
from sbcard_core.crypto.bulk import Messages, Rows
from sbcard_core.crypto.diversify import derive_many
from sbcard_core.crypto.errors import KeyRefused, TacMismatch
from sbcard_core.crypto.keys import Algorithm, Cipher, KeyUsage, SecretKey
from sbcard_core.crypto.layout import Value
from sbcard_core.crypto.mac import cbc_mac, cbc_mac_many, fold_words
from sbcard_core.crypto.purse import PURCHASE_TAC
from sbcard_core.crypto.rules import UNSET, PurseRules, Sm4TacRule
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message as sentence

TAC_LENGTH = 4
_STEP = "crypto.tac"
MESSAGE_LENGTH = PURCHASE_TAC.size


class TacStatus(IntEnum):
    """What became of one record's TAC; a record has exactly one status."""

    VERIFIED = 0
    """The card made this record."""
    MISMATCH = 1
    """The card did not make this record, or it was changed on the way."""
    MALFORMED = 2
    """The message or the TAC has the wrong length: nothing was computed."""


_STATUS = tuple(TacStatus)


def _need_dtk(key: SecretKey | bytes) -> tuple[Cipher, Any]:
    if isinstance(key, SecretKey) and key.usage is not KeyUsage.DTK:
        raise KeyRefused(sentence("cards.tac.usage", usage=key.usage.value), step=_STEP, term="密钥用途")
    cipher, material = bulk.opened(key, None, frozenset(), _STEP)
    if cipher is Cipher.AES or len(material) != 16:
        raise KeyRefused(sentence("cards.tac.key"), step=_STEP, term="密钥长度")
    return cipher, material


def tac_key(dtk: SecretKey | bytes) -> bytes:
    """Return the 8-byte TAC key: DTK left half XOR right half.

    Example:
        >>> tac_key(bytes.fromhex("00112233445566778899AABBCCDDEEFF")).hex()
        '8888888888888888'
    """
    material = dtk.buffer() if isinstance(dtk, SecretKey) else dtk
    if len(material) != 16:
        raise KeyRefused(sentence("cards.tac.key_size"), step=_STEP, term="密钥长度")
    return (int.from_bytes(material[:8], "big") ^ int.from_bytes(material[8:], "big")).to_bytes(8, "big")


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


def load_message(*values: Value, rules: PurseRules = UNSET) -> bytes:
    """Pack what the TAC of a load covers, by the fields the profile names.

    Raises:
        AssumptionNotSet: the profile names none; the sources are in doubt about them.

    Example:
        >>> from sbcard_core.crypto.purse import LOAD_TAC_CANDIDATE
        >>> len(load_message(1000, 1, 500, 2, "001122334455", "20140801120000",
        ...     rules=PurseRules(load_tac=LOAD_TAC_CANDIDATE)))
        24
    """
    return rules.need_load_tac().pack(*values)


def compute(dtk: SecretKey | bytes, message: bytes, *, rules: PurseRules = UNSET) -> bytes:
    """Compute the 4-byte TAC of a message with the card's DTK.

    Raises:
        KeyRefused: the key is no DTK.
        AssumptionNotSet: an SM4 DTK without a rule.

    Example:
        >>> compute(bytes(range(16)), bytes(22)).hex()
        '7a91a1f8'
    """
    cipher, material = _need_dtk(dtk)
    if cipher is Cipher.TDES:
        return cbc_mac(tac_key(dtk), message, length=TAC_LENGTH)
    block = cbc_mac(bytes(material), message, cipher=Algorithm.SM4, length=16)
    return fold_words(block) if rules.need_sm4_tac() is Sm4TacRule.WHOLE_KEY_FOLD else block[:TAC_LENGTH]


def verify(dtk: SecretKey | bytes, message: bytes, tac: bytes, *, rules: PurseRules = UNSET) -> None:
    """Verify one TAC in constant time.

    Raises:
        TacMismatch: it does not verify.

    Example:
        >>> verify(bytes(16), bytes(22), compute(bytes(16), bytes(22)))
    """
    if not hmac.compare_digest(compute(dtk, message, rules=rules), tac):
        raise TacMismatch(sentence("cards.tac.wrong"), step="crypto.tac.verify", term="交易验证码")


def compute_many(
    master_city: SecretKey | bytes,
    factors: Any,
    messages: Messages,
    offsets: Any = None,
    *,
    message_length: int | None = None,
    workers: int = 1,
) -> Rows:
    """Compute n TACs from the level above the cards: each card's DTK is derived and never leaves the kernel.

    Args:
        master_city: the city's DTK, 3DES.
        factors: n × 8 bytes, each card's diversification factor.
        messages: n messages of any lengths, see :mod:`sbcard_core.crypto.bulk`.

    Returns:
        n TACs of 4 bytes in the form of the messages.

    Example:
        >>> from sbcard_core.crypto.diversify import diversify
        >>> compute_many(bytes(16), bytes(8), [b"message"]) == [compute(diversify(bytes(16), bytes(8)), b"message")]
        True
    """
    cipher, material = _need_dtk(master_city)
    if cipher is not Cipher.TDES:
        raise KeyRefused(sentence("cards.tac.bulk"), step=_STEP)
    batch = bulk.pack(messages, offsets, message_length, step=_STEP)
    places = _factors(factors, batch.count)
    out = bytearray(TAC_LENGTH * batch.count)

    def work(start: int, end: int) -> None:
        data, cuts = bulk.cut(batch, start, end)
        engine.des().tac(material, places[8 * start : 8 * end], data, cuts, memoryview(out)[4 * start : 4 * end])

    if batch.count:
        bulk.share(batch.count, workers, engine.LANES[Cipher.TDES], work)
    return bulk.deliver(out, TAC_LENGTH, TAC_LENGTH, batch.form)


@overload
def verify_many(
    master_city: SecretKey | bytes,
    factors: Any,
    messages: Sequence[bytes],
    tacs: Any,
    offsets: None = None,
    *,
    message_length: int | None = None,
    rules: PurseRules = UNSET,
    workers: int = 1,
) -> list[TacStatus]: ...
@overload
def verify_many(
    master_city: SecretKey | bytes,
    factors: Any,
    messages: Any,
    tacs: Any,
    offsets: Any = None,
    *,
    message_length: int | None = None,
    rules: PurseRules = UNSET,
    workers: int = 1,
) -> Any: ...
def verify_many(
    master_city: SecretKey | bytes,
    factors: Any,
    messages: Any,
    tacs: Any,
    offsets: Any = None,
    *,
    message_length: int | None = None,
    rules: PurseRules = UNSET,
    workers: int = 1,
) -> Any:
    """Verify the TACs of a journal: one status per record, in the order of the records.

    Each card's DTK is derived, its TAC computed and compared without an early exit; the results do not depend on how
    many records come at once.

    Args:
        master_city: the city's DTK (the level above the card).
        factors: n × 8 bytes, each card's diversification factor.
        messages: n messages, see :func:`purchase_message`: a sequence, a buffer or an Arrow array.
        tacs: n TACs of 4 bytes, in any of these forms.
        offsets: for a buffer of messages: n + 1 int64.
        message_length: the length a message must have; 22, a purchase's, by default.
        rules: the profile's rules, for SM4.
        workers: threads.

    Returns:
        For a sequence n ``TacStatus``; for a buffer n ``uint8``; for Arrow a column of them. A message or a TAC of
        the wrong length is ``MALFORMED`` and stops nothing.

    Raises:
        InvalidValue: factors, messages and TACs don't hold the same number of records.
        KeyRefused: the key is no DTK.
        AssumptionNotSet: an SM4 DTK without a rule.

    Example:
        >>> city = SecretKey(bytes(range(16)), KeyUsage.DTK)
        >>> verify_many(city, bytes(16), [bytes(22), bytes(21)], [bytes(4), bytes(4)])
        [<TacStatus.MISMATCH: 1>, <TacStatus.MALFORMED: 2>]
    """
    cipher, material = _need_dtk(master_city)
    if cipher is Cipher.SM4:
        rules.need_sm4_tac()
    wanted = MESSAGE_LENGTH if message_length is None else message_length
    batch = bulk.pack(messages, offsets, wanted, step=_STEP)
    claimed = bulk.pack(tacs, message_length=TAC_LENGTH, step=_STEP)
    if batch.count != claimed.count:
        raise InvalidValue(f"{batch.count} messages, {claimed.count} TACs", step=_STEP)
    places = _factors(factors, batch.count)
    good = _well_formed(batch, claimed, wanted)
    if len(good) == batch.count:
        out = _statuses(cipher, material, places, batch, claimed.data, rules, workers)
    else:
        out = bytearray((TacStatus.MALFORMED,)) * batch.count
        some, some_places, some_tacs = _pick(batch, places, claimed, good)
        for at, status in zip(
            good, _statuses(cipher, material, some_places, some, some_tacs, rules, workers), strict=True
        ):
            out[at] = status
    return _handed(out, batch.form)


def verify_cards_many(
    dtks: bytes | bytearray,
    messages: Any,
    tacs: Any,
    offsets: Any = None,
    *,
    message_length: int | None = None,
    workers: int = 1,
) -> Any:
    """:func:`verify_many` with the cards' own DTKs, 16 bytes of 3DES each, as a token may hand them out.

    Example:
        >>> dtk = bytes(range(16))
        >>> verify_cards_many(dtk, [bytes(22)], [compute(dtk, bytes(22))])
        [<TacStatus.VERIFIED: 0>]
    """
    wanted = MESSAGE_LENGTH if message_length is None else message_length
    batch = bulk.pack(messages, offsets, wanted, step=_STEP)
    claimed = bulk.pack(tacs, message_length=TAC_LENGTH, step=_STEP)
    if batch.count != claimed.count or len(dtks) != 16 * batch.count:
        raise InvalidValue(f"{len(dtks)} bytes of keys, {batch.count} messages, {claimed.count} TACs", step=_STEP)
    lanes = memoryview(dtks).cast("Q")
    keys = bytearray(8 * batch.count)
    folded = memoryview(keys).cast("Q")
    for i in range(batch.count):
        folded[i] = lanes[2 * i] ^ lanes[2 * i + 1]
    try:
        made = b"".join(
            bytes(mac) for mac in cbc_mac_many(keys, batch.data, _offsets(batch), length=TAC_LENGTH, workers=workers)
        )
    finally:
        keys[:] = bytes(len(keys))
    good, out = set(_well_formed(batch, claimed, wanted)), bytearray()
    for i in range(batch.count):
        if i not in good:
            out.append(TacStatus.MALFORMED)
            continue
        given = bytes(claimed.data[claimed.offsets[i] : claimed.offsets[i + 1]])
        same = hmac.compare_digest(made[4 * i : 4 * i + 4], given)
        out.append(TacStatus.VERIFIED if same else TacStatus.MISMATCH)
    return _handed(out, batch.form)


def _offsets(batch: bulk.Batch) -> Any:
    import numpy as np  # noqa: PLC0415 - heavy

    return np.asarray(batch.offsets, dtype=np.int64)


def _handed(out: bytearray, form: bulk.Form) -> Any:
    if form is bulk.Form.LIST:
        return [_STATUS[status] for status in out]
    if form is bulk.Form.ARROW:
        return arrow.Statuses(bytes(out))
    import numpy as np  # noqa: PLC0415 - heavy

    return np.frombuffer(out, np.uint8)


def _factors(factors: Any, count: int) -> memoryview:
    if arrow.is_arrow(factors):
        factors = bytes(arrow.Column(factors, step=_STEP).data)
    elif isinstance(factors, list | tuple):
        factors = bulk.join(factors, "factors", step=_STEP)
    places = bulk.flat(factors, "factors", step=_STEP)
    if len(places) != 8 * count:
        raise InvalidValue(f"{len(places)} bytes of factors for {count} messages", step=_STEP, term="分散因子")
    return places


def _well_formed(batch: bulk.Batch, claimed: bulk.Batch, wanted: int) -> Sequence[int]:
    """Which records can be computed at all."""
    if batch.all_are(wanted) and claimed.all_are(TAC_LENGTH):
        return range(batch.count)
    lengths, tacs = batch.lengths(), claimed.lengths()
    return [i for i in range(batch.count) if lengths[i] == wanted and tacs[i] == TAC_LENGTH]


def _pick(
    batch: bulk.Batch, places: memoryview, claimed: bulk.Batch, good: Sequence[int]
) -> tuple[bulk.Batch, bytes, bytes]:
    messages = [bytes(batch.data[batch.offsets[i] : batch.offsets[i + 1]]) for i in good]
    tacs = b"".join(bytes(claimed.data[claimed.offsets[i] : claimed.offsets[i + 1]]) for i in good)
    return bulk.pack(messages, step=_STEP), b"".join(places[8 * i : 8 * i + 8] for i in good), tacs


def _statuses(
    cipher: Cipher, material: Any, places: Any, batch: bulk.Batch, tacs: Any, rules: PurseRules, workers: int
) -> bytearray:
    out = bytearray(batch.count)
    if not batch.count:
        return out
    if cipher is Cipher.SM4:
        return _sm4_statuses(material, places, batch, tacs, rules, workers)

    def work(start: int, end: int) -> None:
        data, cuts = bulk.cut(batch, start, end)
        cards, given = (
            bulk.sliced(value, width, start, end, batch.count) for value, width in ((places, 8), (tacs, TAC_LENGTH))
        )
        engine.des().tac_verify(material, cards, data, cuts, given, bulk.room(out, 1, start, end))

    bulk.share(batch.count, workers, engine.LANES[Cipher.TDES], work)
    return out


def _sm4_statuses(
    material: Any, places: Any, batch: bulk.Batch, tacs: Any, rules: PurseRules, workers: int
) -> bytearray:
    fold = rules.need_sm4_tac() is Sm4TacRule.WHOLE_KEY_FOLD
    with SecretKey(material, KeyUsage.DTK, Cipher.SM4) as master:
        keys = derive_many(master, bytes(places))
    made = cbc_mac_many(
        keys, batch.data, _offsets(batch), cipher=Cipher.SM4, length=4, fold=fold, workers=workers
    ).tobytes()
    given = bytes(tacs)
    same = (hmac.compare_digest(made[at : at + 4], given[at : at + 4]) for at in range(0, len(made), 4))
    return bytearray(TacStatus.VERIFIED if equal else TacStatus.MISMATCH for equal in same)
