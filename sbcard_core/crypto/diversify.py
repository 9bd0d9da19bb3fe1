"""密钥分散: the key of a city or a card from its master key, in any number of levels.

3DES: left half = E(K, F), right half = E(K, NOT F), with an 8-byte factor F.
SM4: the derived key is SM4(K, F ‖ NOT F). Derived keys keep the bits as computed
(no parity). The hierarchy is city first, card second, whatever the order of the
operands on the wire to a PSAM, where the card's factor comes first.

The speed of the batches holds only where policy allows master keys in software.
"""

from collections.abc import Iterable
from typing import Any, overload

from sbcard_core.crypto import bulk, engine
from sbcard_core.crypto.bulk import Keys, Messages, Rows
from sbcard_core.crypto.errors import KeyRefused
from sbcard_core.crypto.keys import Cipher, KeyUsage, SecretKey
from sbcard_core.crypto.rules import UNSET, PurseRules, session_block
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

FACTOR_LENGTH = 8
KEY_LENGTH = 16
MAX_LEVELS = 8
"""Most levels of one path; the PSAM's own limit is three."""

_STEP = "crypto.diversify"


def spread(factors: bytes) -> bytes:
    """Write each 8-byte factor followed by its complement: n × 8 bytes in, n × 16 out.

    Example:
        >>> spread(bytes.fromhex("8649542600028141")).hex().upper()
        '864954260002814179B6ABD9FFFD7EBE'
    """
    ones = (1 << (8 * len(factors))) - 1
    complement = (int.from_bytes(factors, "big") ^ ones).to_bytes(len(factors), "big")
    out = bytearray(2 * len(factors))
    lanes = memoryview(out).cast("Q")
    lanes[0::2] = memoryview(factors).cast("Q")
    lanes[1::2] = memoryview(complement).cast("Q")
    return bytes(out)


def _derive(cipher: Cipher, masters: Any, factors: Any, workers: int = 1) -> bytearray:
    """16 bytes for each factor, under one master or one each; the caller wipes what it does not hand out."""
    if cipher is Cipher.AES:
        raise KeyRefused(message("cards.diversify.cipher"), step=_STEP, term="密钥分散")
    count = len(factors) // FACTOR_LENGTH
    out = bytearray(KEY_LENGTH * count)
    run = engine.of(cipher)

    def work(start: int, end: int) -> None:
        own = len(masters) == KEY_LENGTH
        run.derive(
            masters if own else memoryview(masters)[KEY_LENGTH * start : KEY_LENGTH * end],
            memoryview(factors)[FACTOR_LENGTH * start : FACTOR_LENGTH * end],
            memoryview(out)[KEY_LENGTH * start : KEY_LENGTH * end],
        )

    if count:
        bulk.share(count, workers, engine.LANES[cipher], work)
    return out


def _master_length(length: int) -> None:
    if length != KEY_LENGTH:
        raise KeyRefused(message("cards.diversify.key"), step=_STEP, term="密钥分散")


def diversify_many(
    keys: Keys, factors: Messages, *, levels: int = 1, cipher: Cipher | None = None, workers: int = 1
) -> Rows:
    """Derive one 16-byte key per row of factors, through ``levels`` levels.

    Args:
        keys: one ``SecretKey`` as the master of all, or n masters (n × 16 bytes, or a sequence).
        factors: n rows of ``levels`` × 8 bytes, the **highest level first** (city, then card): a sequence, a buffer,
            or an Arrow array.
        cipher: 3DES unless the key or the caller says SM4.
        workers: threads.

    Returns:
        n keys of 16 bytes in the form the factors came in. They are raw bytes because a batch of a million key
        objects is not a batch; keep them as short as you can.

    Raises:
        InvalidValue: a row of another length.
        KeyRefused: a master that has not 16 bytes.

    Example:
        >>> master = SecretKey(bytes.fromhex("11223344556677888877665544332211"), KeyUsage.RK_SSSE)
        >>> path = b"542600sx" + bytes.fromhex("8649542600028141")
        >>> diversify_many(master, [path], levels=2)[0].hex().upper()
        'DBBE5595D206052DEC526EEBF8EB0A62'
    """
    if not 1 <= levels <= MAX_LEVELS:
        raise InvalidValue(f"1 to {MAX_LEVELS} levels", step=_STEP, term="分散级数")
    width = FACTOR_LENGTH * levels
    listed = isinstance(factors, list | tuple) or hasattr(factors, "__arrow_c_array__")
    batch = bulk.pack(factors, message_length=None if listed else width, step=_STEP)
    if len(batch.data) != width * batch.count or not batch.all_are(width):
        raise InvalidValue(f"factors of {levels} × 8 bytes each", step=_STEP, term="分散因子")
    cipher, packed = bulk.pack_keys(keys, batch.count, cipher, lengths=(KEY_LENGTH,), step=_STEP)
    try:
        out = _path(cipher, packed.data, batch.data, levels, workers)
    finally:
        packed.wipe()
    return bulk.deliver(out, KEY_LENGTH, KEY_LENGTH, batch.form)


def _path(cipher: Cipher, masters: Any, rows: Any, levels: int, workers: int) -> bytearray:
    lanes, current, made = memoryview(rows).cast("Q"), masters, None
    for level in range(levels):
        below = _derive(cipher, current, lanes[level::levels].tobytes() if levels > 1 else rows, workers)
        if made is not None:
            made[:] = bytes(len(made))
        current = made = below
    return made if made is not None else bytearray()


@overload
def diversify(key: SecretKey, *factors: bytes, cipher: Cipher | None = None) -> SecretKey: ...
@overload
def diversify(key: bytes, *factors: bytes, cipher: Cipher | None = None) -> bytes: ...
def diversify(key: SecretKey | bytes, *factors: bytes, cipher: Cipher | None = None) -> SecretKey | bytes:
    """Derive one key through any number of levels, the highest first: ``diversify(master, city, card)``.

    Args:
        key: the master: a ``SecretKey``, which gives a ``SecretKey`` of the same usage, or 16 bytes, which give 16.
        factors: one 8-byte factor per level. None at all is refused: it would hand out the master.

    Raises:
        InvalidValue: a factor is not 8 bytes, or there is none.
        KeyRefused: the master has not 16 bytes.

    Example:
        >>> master = bytes.fromhex("11223344556677888877665544332211")
        >>> diversify(master, bytes.fromhex("8649542600028141")).hex().upper()
        '437D19585D730A0F0A96A2241A812208'
    """
    if not factors:
        raise InvalidValue(message("cards.diversify.empty"), step=_STEP, term="分散因子")
    if any(len(factor) != FACTOR_LENGTH for factor in factors):
        raise InvalidValue(message("cards.diversify.factor"), step=_STEP, term="分散因子")
    cipher, material = bulk.opened(key, cipher, frozenset(), _STEP)
    _master_length(len(material))
    made = _path(cipher, material, b"".join(factors), len(factors), 1)
    if isinstance(key, SecretKey):
        below = SecretKey(made, key.usage, cipher)
        made[:] = bytes(KEY_LENGTH)
        return below
    return bytes(made)


def session_key(
    key: SecretKey | bytes, data: bytes, *, cipher: Cipher | None = None, rules: PurseRules = UNSET
) -> SecretKey | bytes:
    """过程密钥 of one transaction: one 8-byte block of transaction data encrypted under the card's key.

    Args:
        key: the card's DLK or DPK (16 bytes); a ``SecretKey`` gives a ``SecretKey``.
        data: 8 bytes: random ‖ number ‖ 8000 for a load, random ‖ number ‖ last two of the terminal's for a purchase.
        rules: the profile's rules; SM4 is refused until they name the one in force.

    Returns:
        An 8-byte DES key (3DES), or what the SM4 rule says.

    Raises:
        InvalidValue: ``data`` is not 8 bytes.
        AssumptionNotSet: an SM4 key without a rule.

    Source: JR/T 0025.

    Example:
        >>> session_key(bytes.fromhex("11223344556677888877665544332211"), bytes.fromhex("1122334400008000")).hex()
        '9b1d924e05595603'
    """
    if len(data) != FACTOR_LENGTH:
        raise InvalidValue(message("cards.diversify.session"), step=f"{_STEP}.session_key", term="过程密钥")
    cipher, material = bulk.opened(key, cipher, frozenset(), _STEP)
    if len(material) != KEY_LENGTH:
        raise KeyRefused(message("cards.diversify.session_key"), step=_STEP, term="过程密钥")
    made = engine.ecb(cipher, material, session_block(cipher, data, rules))
    return SecretKey(made, KeyUsage.SESSION, cipher) if isinstance(key, SecretKey) else made


def derive_many(master: SecretKey, factors: bytes, *, usage: KeyUsage | None = None) -> bytes:
    """Derive one 16-byte key per factor from one master: n × 8 bytes in, n × 16 out.

    Args:
        master: the key of the level above (16 bytes).
        factors: n × 8 bytes, in the order of the items.
        usage: when given, the usage ``master`` must have.

    Raises:
        InvalidValue: ``factors`` is not n × 8 bytes.
        KeyRefused: ``master`` has another usage, or is a single DES key.

    Source: three public implementations agree on the 3DES form; the SM4 form has a single public source.

    Example:
        >>> master = SecretKey(bytes.fromhex("11223344556677888877665544332211"), KeyUsage.RK_SSSE)
        >>> derive_many(master, bytes.fromhex("8649542600028141")).hex().upper()
        '437D19585D730A0F0A96A2241A812208'
    """
    if len(factors) % FACTOR_LENGTH:
        raise InvalidValue(f"{len(factors)} bytes of factors are not n × 8", step=_STEP, term="分散因子")
    if usage is not None and master.usage is not usage:
        raise KeyRefused(f"a {master.usage.value} key can't give {usage.value} keys", step=_STEP)
    _master_length(len(master.buffer()))
    return bytes(_derive(master.algorithm, master.buffer(), factors))


def derive(master: SecretKey, factor: bytes) -> SecretKey:
    """Derive one key; it has the usage and the algorithm of its master.

    Raises:
        InvalidValue: ``factor`` is not 8 bytes.

    Example:
        >>> derive(SecretKey(bytes(range(16)), KeyUsage.DTK), bytes(8))
        <SecretKey DTK 3DES 16 bytes>
    """
    return diversify(master, factor)


def derive_path(master: SecretKey, factors: Iterable[bytes]) -> SecretKey:
    """Derive through several levels, the highest first: ``[city factor, card factor]``.

    Intermediate keys are wiped. An empty path is refused: it would hand out the master.

    Example:
        >>> master = SecretKey(bytes.fromhex("11223344556677888877665544332211"), KeyUsage.RK_SSSE)
        >>> card = derive_path(master, [city_factor("542600"), bytes.fromhex("8649542600028141")])
        >>> card.material().hex().upper()
        'DBBE5595D206052DEC526EEBF8EB0A62'
    """
    return diversify(master, *factors)


def city_factor(region: str) -> bytes:
    """Return the city-level factor: the 6 digits of the region code in ASCII and "sx".

    Source: two public implementations and one published page agree.

    Raises:
        InvalidValue: not six ASCII digits.

    Example:
        >>> city_factor("371700")
        b'371700sx'
    """
    if len(region) != 6 or not (region.isascii() and region.isdigit()):
        raise InvalidValue(message("cards.diversify.region"), step=_STEP, term="行政区划代码")
    return region.encode("ascii") + b"sx"
