"""Builders for the inter-industry commands, in the byte forms social-security terminals send.

A builder only makes a :class:`CommandAPDU`; it sends nothing. ``ne=0`` in the reading builders asks
for "all there is" (Le = 00), which most cards tolerate; the rest answer 6Cxx and are repeated by
:class:`apdu.channel.GetResponseChannel`.
"""

from apdu.command import CommandAPDU
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

SSSE_AID = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
"""Social-security environment (社会保障系统环境): ``sx1.sh.`` and 社会保障 in GBK; three sources."""

KID_READ_EF06 = 0x0A
"""P2 of EXTERNAL AUTHENTICATE that opens EF06 to EF08 for reading (RK_SSSE); three sources."""

KID_WRITE_SSSE = 0x04
"""P2 of EXTERNAL AUTHENTICATE that opens EF05 and EF06 for writing (UK_SSSE); two sources."""


def select_fid(fid: int) -> CommandAPDU:
    """SELECT by file identifier, ``00A4 0000 02`` (the field also sends P1 = 02 for an EF).

    Example:
        >>> select_fid(0x3F00).encode().hex().upper()
        '00A40000023F00'
    """
    if not 0 <= fid <= 0xFFFF:
        raise InvalidValue(message("cards.apdu.fid"), step="select_fid")
    return CommandAPDU(0x00, 0xA4, 0x00, 0x00, fid.to_bytes(2, "big"))


def select_mf() -> CommandAPDU:
    """SELECT the master file, ``00A4 0000 02 3F00``. Two sources.

    Example:
        >>> select_mf().encode().hex().upper()
        '00A40000023F00'
    """
    return select_fid(0x3F00)


def select_ef(fid: int) -> CommandAPDU:
    """SELECT an elementary file of the current DF, ``00A4 0200 02``: the other form the field sends. Three sources.

    Example:
        >>> select_ef(0xEF05).encode().hex().upper()
        '00A4020002EF05'
    """
    return select_fid(fid).replace(p1=0x02)


def select_aid(aid: bytes, *, next_one: bool = False, ne: int = 0) -> CommandAPDU:
    """SELECT by application identifier, ``00A4 0400``. Three sources.

    Args:
        aid: 5 to 16 bytes; part of a name selects the first that begins so (ISO/IEC 7816-4:2013 7.1.1).
        next_one: the next application of that name, P2 = 02 (standard, not seen on these cards' readers).
        ne: 256 asks for the file control information at once, as readers over T=1 do.

    Example:
        >>> select_aid(SSSE_AID).encode().hex().upper()
        '00A404000F7378312E73682EC9E7BBE1B1A3D5CF'
    """
    if not 5 <= len(aid) <= 16:
        raise InvalidValue(message("cards.apdu.aid"), step="select_aid")
    return CommandAPDU(0x00, 0xA4, 0x04, 0x02 if next_one else 0x00, aid, ne)


def read_record(number: int, ne: int = 0, sfi: int = 0) -> CommandAPDU:
    """READ RECORD by number: P2 = 04 for the current EF, ``SFI << 3 | 4`` for a short identifier.

    Example:
        >>> read_record(3, 6).encode().hex(), read_record(1, 0x12, sfi=5).encode().hex()
        ('00b2030406', '00b2012c12')
    """
    return CommandAPDU(0x00, 0xB2, _record(number), _sfi(sfi) | 0x04, ne=ne or 256)


def read_record_by_id(tag: int, ne: int = 0, sfi: int = 0) -> CommandAPDU:
    """READ RECORD by identifier, which on this card is the record's tag: P2 = ``SFI << 3``.

    Example:
        >>> read_record_by_id(0x08, 0x14, sfi=6).encode().hex()
        '00b2083014'
    """
    return CommandAPDU(0x00, 0xB2, _record(tag), _sfi(sfi), ne=ne or 256)


def update_record(number: int, record: bytes, sfi: int = 0) -> CommandAPDU:
    """UPDATE RECORD by number; ``record`` is the whole TLV.

    Example:
        >>> update_record(4, bytes.fromhex("0A0131"), sfi=6).encode().hex()
        '00dc0434030a0131'
    """
    return CommandAPDU(0x00, 0xDC, _record(number), _sfi(sfi) | 0x04, record)


def update_record_by_id(tag: int, record: bytes, sfi: int = 0) -> CommandAPDU:
    """UPDATE RECORD by identifier; ``record`` is the whole TLV.

    Example:
        >>> update_record_by_id(0x0A, bytes.fromhex("0A0131"), sfi=6).encode().hex()
        '00dc0a30030a0131'
    """
    return CommandAPDU(0x00, 0xDC, _record(tag), _sfi(sfi), record)


def append_record(record: bytes, sfi: int = 0) -> CommandAPDU:
    """APPEND RECORD ``00E2 00`` (ISO/IEC 7816-4:2013 7.3.7; not seen on these cards' readers).

    Example:
        >>> append_record(bytes.fromhex("0A0131"), sfi=6).encode().hex()
        '00e20030030a0131'
    """
    return CommandAPDU(0x00, 0xE2, 0x00, _sfi(sfi), record)


def update_binary(data: bytes, offset: int = 0, sfi: int = 0) -> CommandAPDU:
    """UPDATE BINARY ``00D6`` of the current transparent EF, or by short identifier with an offset below 256.

    Under secure messaging (``04D6``, one public vendor code) wrap it with :mod:`apdu.secure_messaging`.

    Example:
        >>> update_binary(b"\\xAA", 0x0102).encode().hex(), update_binary(b"\\xAA", sfi=5).encode().hex()
        ('00d6010201aa', '00d6850001aa')
    """
    place = read_binary(offset, sfi=sfi)
    return CommandAPDU(0x00, 0xD6, place.p1, place.p2, data)


def get_data(tag: int, ne: int = 0) -> CommandAPDU:
    """GET DATA ``00CA`` of the object with a one- or two-byte tag (ISO/IEC 7816-4:2013 7.5.1; not seen in the field).

    Example:
        >>> get_data(0x9F36).encode().hex()
        '00ca9f3600'
    """
    if not 0x40 <= tag <= 0xFFFF:
        raise InvalidValue(message("cards.apdu.tag"), step="get_data")
    return CommandAPDU(0x00, 0xCA, tag >> 8, tag & 0xFF, ne=ne or 256)


def read_binary(offset: int = 0, ne: int = 0, sfi: int = 0) -> CommandAPDU:
    """READ BINARY ``00B0`` of the current transparent EF, or by short identifier with an offset below 256.

    Example:
        >>> read_binary(0x0102, 0x42).encode().hex(), read_binary(2, sfi=7).encode().hex()
        ('00b0010242', '00b0870200')
    """
    if sfi:
        return CommandAPDU(0x00, 0xB0, 0x80 | _sfi(sfi) >> 3, offset, ne=ne or 256)
    if not 0 <= offset <= 0x7FFF:
        raise InvalidValue(message("cards.apdu.offset"), step="read_binary")
    return CommandAPDU(0x00, 0xB0, offset >> 8, offset & 0xFF, ne=ne or 256)


def get_challenge(n: int = 8) -> CommandAPDU:
    """GET CHALLENGE for ``n`` random bytes: 8 for authentication, 4 for secure messaging.

    Example:
        >>> get_challenge().encode().hex()
        '0084000008'
    """
    if n not in (4, 8, 16):
        raise InvalidValue(message("cards.apdu.challenge"), step="get_challenge")
    return CommandAPDU(0x00, 0x84, 0x00, 0x00, ne=n)


def internal_authenticate(process: bytes, original: bytes) -> CommandAPDU:
    """INTERNAL AUTHENTICATE: the card proves that it holds its IRK (内部认证); 8 bytes come back.

    Args:
        process: process factor 过程因子, 8 bytes.
        original: original data 原始信息, 8 bytes.

    Example:
        >>> internal_authenticate(bytes(8), bytes(8)).encode()[:5].hex()
        '0088000010'
    """
    return CommandAPDU(0x00, 0x88, 0x00, 0x00, _eight(process, "过程因子") + _eight(original, "原始信息"), ne=8)


def external_authenticate(kid: int, cipher: bytes, original: bytes, key_version: int | None = None) -> CommandAPDU:
    """EXTERNAL AUTHENTICATE: the outside proves that it holds key ``kid`` (外部认证).

    The process factor behind ``cipher`` must be the card's most recent GET CHALLENGE. Three sources; ``key_version``
    (0..3, one byte more) has one.

    Example:
        >>> external_authenticate(0x0A, bytes(8), bytes(8)).encode().hex()[:10]
        '0082000a10'
    """
    if key_version is not None and not 0 <= key_version <= 3:
        raise InvalidValue(message("cards.apdu.key_version"), step="external_authenticate", term="密钥版本")
    version = b"" if key_version is None else bytes((key_version,))
    return CommandAPDU(0x00, 0x82, 0x00, kid, _eight(cipher, "密文") + _eight(original, "原始信息") + version)


def verify_pin(pin: str) -> CommandAPDU:
    """VERIFY with the PIN as packed digits.

    Raises:
        InvalidValue: not 4 to 16 digits. The message does not repeat the PIN.

    Example:
        >>> verify_pin("123456").encode().hex()
        '0020000003123456'
    """
    return CommandAPDU(0x00, 0x20, 0x00, 0x00, pack_pin(pin))


def change_pin(old: str, new: str) -> CommandAPDU:
    """CHANGE PIN, ``80 5E 01 00``: old, FF, new, both as packed digits.

    Example:
        >>> change_pin("123456", "246810").encode().hex().upper()
        '805E010007123456FF246810'
    """
    return CommandAPDU(0x80, 0x5E, 0x01, 0x00, pack_pin(old) + b"\xff" + pack_pin(new))


def get_response(ne: int = 256) -> CommandAPDU:
    """GET RESPONSE after 61xx.

    Example:
        >>> get_response(8).encode().hex().upper()
        '00C0000008'
    """
    return CommandAPDU(0x00, 0xC0, 0x00, 0x00, ne=ne)


def pack_pin(pin: str) -> bytes:
    """Digits two to a byte, an odd last one followed by F.

    Raises:
        InvalidValue: not 4 to 16 ASCII digits.

    Example:
        >>> pack_pin("123456").hex()
        '123456'
    """
    if not (4 <= len(pin) <= 16 and pin.isascii() and pin.isdigit()):
        raise InvalidValue(message("cards.pin.length"), step="pack_pin", term="密码")
    return bytes.fromhex(pin if len(pin) % 2 == 0 else pin + "F")


def _record(number: int) -> int:
    if not 0 <= number <= 0xFE:
        raise InvalidValue(message("cards.apdu.record"), step="record", term="记录号")
    return number


def _sfi(sfi: int) -> int:
    if not 0 <= sfi <= 30:
        raise InvalidValue(message("cards.apdu.sfi"), step="record")
    return sfi << 3


def _eight(value: bytes, term: str) -> bytes:
    if len(value) != 8:
        raise InvalidValue(message("cards.apdu.size", size=8, count=len(value)), step="authenticate", term=term)
    return value
