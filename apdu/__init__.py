"""ISO/IEC 7816-4 bytes for social-security cards: commands, answers, status words, TLV, ATR, channels.

No I/O, no keys, no third-party import. Modules by what they are for:

    command response status errors       values
    batch                                encode, decode_response; many at once in one buffer
    classbyte chaining                   logical channels, secure-messaging bits, long commands in parts
    tlv atr                              BER- and SIMPLE-TLV, answers to reset
    instructions purse psam pki bank     builders; ``catalogue`` lists every instruction with its source
    secure_messaging maintenance         commands with a MAC, issuer commands
    channel guards aio                   CardChannel = transmit(bytes) -> bytes, its wrappers, its asyncio twin
    tpdu                                 what T=0 makes of a command APDU
    trace scrub replay words             recorded sessions

Example:
    >>> import apdu
    >>> apdu.CommandAPDU.decode(bytes.fromhex("0084000008")).ne
    8
"""

from apdu.atr import ATR, historical_factor
from apdu.batch import decode_many, decode_response, encode, encode_many
from apdu.chaining import ChainingChannel
from apdu.channel import (
    AsyncCardChannel,
    CardChannel,
    ExactLengthChannel,
    GetResponseChannel,
    TraceChannel,
    exchange,
)
from apdu.command import CommandAPDU
from apdu.errors import (
    APDUError,
    CardLost,
    ChainingRefused,
    ChannelInUse,
    ClassRefused,
    LimitExceeded,
    MalformedData,
    ReplayMismatch,
    SecureMessagingError,
    TraceMalformed,
    UnexpectedStatus,
)
from apdu.guards import LimitChannel, OwnedChannel
from apdu.replay import ReplayChannel
from apdu.response import ResponseAPDU
from apdu.status import StatusCategory, StatusWord
from apdu.tpdu import t0_command
from apdu.trace import Exchange, RecordingChannel

__all__ = [
    "ATR",
    "APDUError",
    "AsyncCardChannel",
    "CardChannel",
    "CardLost",
    "ChainingChannel",
    "ChainingRefused",
    "ChannelInUse",
    "ClassRefused",
    "CommandAPDU",
    "ExactLengthChannel",
    "Exchange",
    "GetResponseChannel",
    "LimitChannel",
    "LimitExceeded",
    "MalformedData",
    "OwnedChannel",
    "RecordingChannel",
    "ReplayChannel",
    "ReplayMismatch",
    "ResponseAPDU",
    "SecureMessagingError",
    "StatusCategory",
    "StatusWord",
    "TraceChannel",
    "TraceMalformed",
    "UnexpectedStatus",
    "decode_many",
    "decode_response",
    "encode",
    "encode_many",
    "exchange",
    "historical_factor",
    "t0_command",
]
