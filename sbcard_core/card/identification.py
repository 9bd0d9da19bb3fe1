"""卡识别码 and ATR of a card: made for new cards, taken apart for read ones."""

import re
from dataclasses import dataclass
from enum import IntEnum

from apdu import tlv
from apdu.errors import MalformedData
from sbcard_core.card.errors import IdentificationMalformed
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

RID = "D156000005"
"""Registered identifier of the social security card, as the code carries it."""
BLANK_CHECK = "FFFFFFFF"
"""Check value of a blank card. How the real one is computed under IRK is not public."""
ATR_HEAD = bytes.fromhex("3B6D0000")
SAMPLE_CHIP = bytes.fromhex("0090000000")
"""T1-T5 of simulated cards: a registered chip vendor and no COS data (assumed)."""


_ALGORITHM = re.compile(rb"\x9f\x0c[\x03-\x7f]\x86\x01(.)", re.S)


class AlgorithmId(IntEnum):
    """Algorithm identifier (算法标识) in the answer to SELECT SSSE."""

    TDES = 1
    SSF33 = 2
    """Not public: nothing here computes it."""
    SM4 = 3


@dataclass(frozen=True, slots=True)
class IdentificationCode:
    """卡识别码 taken apart: issuing region (6 digits), serial (8 hex), check value (8 hex)."""

    region: str
    serial: str
    check: str


def make_code(region: str, serial: bytes) -> str:
    """Make the identification code of a new card: 32 upper-case hex digits.

    Region (3 BCD bytes), the identifier D156000005, 4 bytes of serial, and FFFFFFFF as blank cards carry it, since the
    check value's computation is not public.

    Raises:
        InvalidValue: not a 6-digit region or not 4 bytes.

    Example:
        >>> make_code("430100", bytes.fromhex("00000001"))
        '430100D15600000500000001FFFFFFFF'
    """
    if len(region) != 6 or not (region.isascii() and region.isdigit()) or len(serial) != 4:
        raise InvalidValue(message("cards.code.parts"), step="card.identification", term="卡识别码")
    return f"{region}{RID}{serial.hex().upper()}{BLANK_CHECK}"


def parse_code(code: str) -> IdentificationCode:
    """Take an identification code apart. The serial is never compared with the ATR: public pairs differ.

    Raises:
        IdentificationMalformed: not 32 hex digits, no region, or another identifier.

    Example:
        >>> parse_code("639900D15600000500BF7C7A48FB4966").region
        '639900'
    """
    code = code.upper()
    hexadecimal = len(code) == 32 and all(character in "0123456789ABCDEF" for character in code)
    if not (hexadecimal and code[:6].isdigit() and code[6:16] == RID):
        raise IdentificationMalformed(message("cards.code.form"), step="card.identification", term="卡识别码")
    return IdentificationCode(code[:6], code[16:24], code[24:])


def make_atr(factor: bytes, *, chip: bytes = SAMPLE_CHIP) -> bytes:
    """Make the ATR of a simulated card: 3B6D0000, 5 bytes of chip and COS, 8 bytes of factor.

    Args:
        factor: the last 8 historical bytes: 2 of the card manufacturer, 6 of the serial.
        chip: T1-T5.

    Example:
        >>> make_atr(bytes.fromhex("8660010203040506")).hex().upper()
        '3B6D000000900000008660010203040506'
    """
    if len(factor) != 8 or len(chip) != 5:
        raise InvalidValue(message("cards.code.factor"), step="card.identification", term="卡复位信息")
    return ATR_HEAD + chip + factor


def algorithm_of_fci(fci: bytes) -> int:
    """Read the algorithm identifier from the answer to SELECT SSSE: tag 9F0C holding 86 01 xx; 3DES when absent.

    Where the answer is not BER throughout (some cards put bytes into constructed objects), the tag's bytes decide.

    Source: two public vendor codes for the values, one for the fallback. An unknown value is returned as it is.

    Example:
        >>> algorithm_of_fci(bytes.fromhex("6F069F0C03860103")) == AlgorithmId.SM4, algorithm_of_fci(b"")
        (True, 1)
    """
    try:
        found = tlv.find(tlv.parse_ber(fci), 0x9F0C)
        objects = dict(tlv.parse_simple(found.value)) if found else {}
    except MalformedData:
        named = _ALGORITHM.search(fci)
        return named[1][0] if named else int(AlgorithmId.TDES)
    value = objects.get(0x86, b"")
    return value[0] if len(value) == 1 else int(AlgorithmId.TDES)
