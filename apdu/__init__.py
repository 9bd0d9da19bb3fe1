"""ISO/IEC 7816-4 bytes for social-security cards: commands, answers, status words, TLV, ATR, channels.

No I/O, no keys, no third-party import.

Example:
    >>> import apdu
    >>> apdu.CommandAPDU.decode(bytes.fromhex("0084000008")).ne
    8
"""

from apdu.atr import ATR, historical_factor
from apdu.batch import decode_many, decode_response, encode, encode_many
from apdu.channel import CardChannel, GetResponseChannel, TraceChannel, exchange
from apdu.command import CommandAPDU
from apdu.errors import APDUError, CardLost, MalformedData, UnexpectedStatus
from apdu.response import ResponseAPDU
from apdu.status import StatusCategory, StatusWord

__all__ = [
    "ATR",
    "APDUError",
    "CardChannel",
    "CardLost",
    "CommandAPDU",
    "GetResponseChannel",
    "MalformedData",
    "ResponseAPDU",
    "StatusCategory",
    "StatusWord",
    "TraceChannel",
    "UnexpectedStatus",
    "decode_many",
    "decode_response",
    "encode",
    "encode_many",
    "exchange",
    "historical_factor",
]
