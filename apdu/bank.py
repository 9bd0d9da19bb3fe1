"""The bank's half of the card, as far as a social-security terminal looks at it: which account number it has."""

from apdu import tlv
from apdu.command import CommandAPDU
from apdu.errors import MalformedData
from apdu.instructions import read_record
from sbcard_core.messages import message

PBOC_DEBIT_AID = bytes.fromhex("A000000333010101")
"""PBOC debit application; three sources."""
TAG_PAN = 0x5A


def read_pan() -> tuple[CommandAPDU, CommandAPDU]:
    """The two records that hold the account number, ``00B2 01 14 00`` and ``00B2 01 1C 00``: one of them has tag 5A.

    Three sources.

    Example:
        >>> [command.encode().hex() for command in read_pan()]
        ['00b2011400', '00b2011c00']
    """
    return read_record(1, sfi=2), read_record(1, sfi=3)


def parse_pan(data: bytes) -> str | None:
    """The account number in a record: packed digits, filled with F; None where the record has none.

    Raises:
        MalformedData: not TLV, or something else than digits.

    Example:
        >>> parse_pan(bytes.fromhex("70 0A 5A 08 6210300000000011".replace(" ", "")))
        '6210300000000011'
    """
    found = tlv.find(tlv.parse_ber(data), TAG_PAN)
    if found is None:
        return None
    digits = found.value.hex().upper().rstrip("F")
    if not digits.isdigit():
        raise MalformedData(message("cards.pan.digits"), step="parse_pan", term="银行账号")
    return digits
