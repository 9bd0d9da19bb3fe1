"""The certificate application of 3.00 cards (ACSE / PKI): two public vendor codes, the cryptograms recomputed.

The SM3 and SM4 behind the cryptograms are the caller's; MACs are callables (:mod:`apdu.secure_messaging`).
Challenges here have 16 bytes: ``instructions.get_challenge(16)``.
"""

from apdu.command import CommandAPDU
from apdu.errors import MalformedData
from apdu.instructions import pack_pin, read_binary
from apdu.secure_messaging import Mac, wrap
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

ENVIRONMENT_AID = bytes.fromhex("504B492EC9E7BBE1B1A3D5CF")
"""``PKI.`` and 社会保障."""
APPLICATION_AID = bytes.fromhex("53532E434552542E41444631")
"""``SS.CERT.ADF1``."""

FID_SIGNING_KEY = 0x0012
FID_SIGNING_CERTIFICATE = 0x0018
FID_ENCRYPTION_CERTIFICATE = 0x0019
PUBLIC_KEY_BYTES = 0x42
PIN_HASH_BYTES = 32


def hash_pin(pin: str) -> CommandAPDU:
    """Have the card hash a PIN, ``80 C4 01 03 05 C1 03 <PIN> 00``: SM3 of the packed PIN comes back.

    The PIN travels in clear, and six digits are soon found from their hash: neither may be recorded.

    Example:
        >>> hash_pin("123456").encode().hex().upper()
        '80C4010305C10312345600'
    """
    packed = pack_pin(pin)
    return CommandAPDU(0x80, 0xC4, 0x01, 0x03, bytes((0xC1, len(packed))) + packed, ne=256)


def parse_pin_hash(data: bytes) -> bytes:
    """The key of the PIN's cryptogram: the first 16 bytes of the hash.

    Raises:
        MalformedData: not 32 bytes.
    """
    if len(data) != PIN_HASH_BYTES:
        raise MalformedData(message("cards.answer.size", count=len(data), size=PIN_HASH_BYTES), step="pki.hash_pin")
    return data[:16]


def verify_user_pin(cryptogram: bytes) -> CommandAPDU:
    """VERIFY of the user's PIN, ``0020 01 81 10``: SM4 of the challenge under the first half of the PIN's hash.

    Example:
        >>> verify_user_pin(bytes.fromhex("358B51056B9B9EB2C96B20E7DB7A6B8F")).encode()[:5].hex()
        '0020018110'
    """
    return CommandAPDU(0x00, 0x20, 0x01, 0x81, _block(cryptogram, 16))


def verify_admin_pin(cryptogram: bytes) -> CommandAPDU:
    """VERIFY of the administrator's PIN, ``0020 01 00 10``.

    Example:
        >>> verify_admin_pin(bytes(16)).encode()[:5].hex()
        '0020010010'
    """
    return CommandAPDU(0x00, 0x20, 0x01, 0x00, _block(cryptogram, 16))


def change_pin(block: bytes, mac: Mac) -> CommandAPDU:
    """CHANGE PIN, ``84 5E 01 00 14``: SM4 of length, PIN and padding under the card's key, and the MAC.

    Example:
        >>> change_pin(bytes(16), lambda header, body: bytes(4)).encode()[:5].hex()
        '845e010014'
    """
    return wrap(CommandAPDU(0x84, 0x5E, 0x01, 0x00, _block(block, 16)), mac)


def authenticate_master(cryptogram: bytes) -> CommandAPDU:
    """EXTERNAL AUTHENTICATE under the master key, ``0082 00 00 10``, before :func:`update_master_key`.

    Example:
        >>> authenticate_master(bytes(16)).encode()[:5].hex()
        '0082000010'
    """
    return CommandAPDU(0x00, 0x82, 0x00, 0x00, _block(cryptogram, 16))


def update_master_key(block: bytes, mac: Mac) -> CommandAPDU:
    """Replace the master key, ``84 D4 01 00 24``: the new key encrypted under the old one, 32 bytes, and the MAC.

    Example:
        >>> update_master_key(bytes(32), lambda header, body: bytes(4)).encode()[:5].hex()
        '84d4010024'
    """
    return wrap(CommandAPDU(0x84, 0xD4, 0x01, 0x00, _block(block, 32)), mac)


def read_signing_key() -> CommandAPDU:
    """READ BINARY of the public signing key, ``00B0 0000 42``, after selecting file 0012.

    Example:
        >>> read_signing_key().encode().hex()
        '00b0000042'
    """
    return read_binary(0, PUBLIC_KEY_BYTES)


def _block(value: bytes, size: int) -> bytes:
    if len(value) != size:
        raise InvalidValue(message("cards.apdu.cryptogram", size=size), step="pki")
    return value
