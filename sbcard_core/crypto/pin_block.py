"""PIN 块: a PIN in the form it is encrypted in, and its encryption. No error or repr ever shows a digit of it."""

from dataclasses import dataclass

from sbcard_core.crypto.cipher import ecb_encrypt
from sbcard_core.crypto.keys import Cipher, SecretKey
from sbcard_core.crypto.padding import Padding, pad
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

_STEP = "crypto.pin_block"


@dataclass(frozen=True, slots=True)
class PinBlock:
    """One declared form of a PIN block.

    Args:
        name: for messages.
        control: the control nibble of ISO 9564, with the number of digits in the nibble behind it and F behind the
            digits; None: one byte of length, as packed, and 80 00… behind them.
        account: whether the account number is XORed in.
        wrap: whether the 8 bytes go into one more length byte and 80 00… before encryption.
        source: where this is written, or "assumed".
    """

    name: str
    control: int | None
    account: bool
    wrap: bool
    source: str


LENGTH_PIN_80 = PinBlock("length, PIN, 80", None, False, False, "PKI application of 3.0 cards, two sources")
"""``03 123456 80 00…``: PIN change and reset of the certificate application, under SM4."""
ISO_0 = PinBlock("ISO 9564 format 0", 0, True, False, "ISO 9564-1; UnionPay terminals")
"""``06 123456 FF…`` XOR twelve digits of the account number: PIN to a host."""
ISO_2 = PinBlock("ISO 9564 format 2", 2, False, False, "ISO 9564-1; for integrated circuit cards")
"""``26 123456 FF…``."""
WRAPPED_ISO_2 = PinBlock("wrapped format 2", 2, False, True, "assumed")
"""``08 26 123456 FF… 80 00…``: 16 bytes, as many as ``84 24 00 01 14`` carries; the content is assumed."""

LAYOUTS = {one.name: one for one in (LENGTH_PIN_80, ISO_0, ISO_2, WRAPPED_ISO_2)}


def build(pin: str, layout: PinBlock, *, account: str = "", block: int = 8) -> bytes:
    """Write a PIN as a block, in clear: for tests and for :func:`encrypt`.

    Args:
        pin: 4 to 12 digits; an even number of them for :data:`LENGTH_PIN_80`.
        layout: the declared form.
        account: the account number with its check digit, for forms that take it.
        block: block size of the cipher, for forms that end in 80 00….

    Raises:
        InvalidValue: not digits, too few or too many, or the account number is missing.

    Example:
        >>> build("123456", ISO_0, account="43219876543210987").hex().upper()
        '0612AC20ABCDEF67'
        >>> build("123456", LENGTH_PIN_80, block=16).hex()
        '03123456800000000000000000000000'
    """
    if not (4 <= len(pin) <= 12 and pin.isascii() and pin.isdigit()):
        raise InvalidValue(message("cards.pin_block.length"), step=_STEP, term="个人密码")
    if layout.control is None:
        if len(pin) % 2:
            raise InvalidValue(message("cards.pin_block.even"), step=_STEP, term="个人密码")
        made = pad(bytes((len(pin) // 2,)) + bytes.fromhex(pin), Padding.BIT, block)
    else:
        made = bytes.fromhex(f"{layout.control:X}{len(pin):X}{pin}".ljust(16, "F"))
    if layout.account:
        if not (len(account) >= 13 and account.isascii() and account.isdigit()):
            raise InvalidValue(message("cards.pin_block.account"), step=_STEP, term="主账号")
        mask = bytes.fromhex("0000" + account[-13:-1])
        made = bytes(a ^ b for a, b in zip(made, mask, strict=True))
    return pad(bytes((len(made),)) + made, Padding.BIT, block) if layout.wrap else made


def encrypt(
    key: SecretKey | bytes, pin: str, layout: PinBlock, *, account: str = "", cipher: Cipher | None = None
) -> bytes:
    """Encrypt a PIN block in ECB under a session, reload or PIN key.

    Raises:
        InvalidValue: see :func:`build`.
        KeyRefused: the key does not fit the cipher, or is for MACs only.

    Example:
        >>> len(encrypt(bytes(16), "123456", WRAPPED_ISO_2))
        16
    """
    used = key.algorithm if isinstance(key, SecretKey) else cipher or Cipher.TDES
    clear = build(pin, layout, account=account, block=used.block)
    if len(clear) % used.block:
        raise InvalidValue(f"{layout.name} is no whole block of {used.value}", step=_STEP)
    return ecb_encrypt(key, clear, algorithm=used)
