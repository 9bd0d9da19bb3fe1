"""A trace in words, Chinese and English: instruction, file, status. No data but file identifiers are part of it."""

from collections.abc import Callable
from dataclasses import dataclass

from apdu.catalogue import find, is_protected
from apdu.classbyte import channel_of, is_chained
from apdu.command import CommandAPDU
from apdu.errors import ClassRefused
from apdu.status import StatusWord
from apdu.trace import Exchange
from sbcard_core.errors import InvalidValue

FileNames = Callable[[bytes], str | None]
"""Name of a file or application: 1 byte is a short identifier, 2 a file identifier, 5 or more an application's."""


@dataclass(frozen=True, slots=True)
class Words:
    """One exchange, said in both languages."""

    zh: str
    en: str


def describe(exchange: Exchange, files: FileNames | None = None) -> Words:
    """Say what an exchange was.

    Example:
        >>> read = Exchange(bytes.fromhex("00B2012C12"), bytes.fromhex("6A83"))
        >>> describe(read, {b"\\x05": "EF05"}.get)
        Words(zh='读记录 EF05 第1条 → 6A83 记录未找到', en='READ RECORD EF05 number 1 → 6A83 record not found')
        >>> describe(Exchange(None, bytes.fromhex("3B00"))).en
        'RESET → 2 bytes'
    """
    if exchange.command is None:
        count = len(exchange.answer or b"")
        return Words(f"复位 → {count}字节", f"RESET → {count} bytes")
    said = _command(exchange.command, files)
    status = _answer(exchange.answer)
    return Words(f"{said.zh} → {status.zh}", f"{said.en} → {status.en}")


def _command(wire: bytes, files: FileNames | None) -> Words:
    try:
        command = CommandAPDU.decode(wire)
    except InvalidValue:
        return Words(f"错误命令（{len(wire)}字节）", f"malformed command of {len(wire)} bytes")
    known = find(command.cla, command.ins, command.p1, command.p2)
    header = command.header.hex().upper()
    zh, en = (known.zh, known.en) if known else (f"未知命令 {header}", f"unknown command {header}")
    detail = _detail(command, files)
    marks = _marks(command.cla)
    return Words(f"{zh}{detail.zh}{marks.zh}", f"{en}{detail.en}{marks.en}")


def _marks(cla: int) -> Words:
    zh, en = "", ""
    if is_protected(cla):
        zh, en = "（安全报文）", " (secure messaging)"
    try:
        channel, chained = channel_of(cla), is_chained(cla)
    except ClassRefused:
        return Words(zh, en)
    if channel:
        zh, en = f"{zh}（信道{channel}）", f"{en} (channel {channel})"
    return Words(f"{zh}（续）", f"{en} (more follows)") if chained else Words(zh, en)


def _detail(command: CommandAPDU, files: FileNames | None) -> Words:
    ins = command.ins
    if ins == 0xA4 and command.data:
        return _same(" " + _name(command.data, files))
    if ins in (0xB2, 0xDC):
        sfi, by_number = command.p2 >> 3, command.p2 & 0x07 == 0x04
        place = f" {_name(bytes((sfi,)), files)}" if sfi else ""
        if by_number:
            return Words(f"{place} 第{command.p1}条", f"{place} number {command.p1}")
        return Words(f"{place} 标识{command.p1:02X}", f"{place} tag {command.p1:02X}")
    if ins in (0xB0, 0xD6):
        by_sfi = bool(command.p1 & 0x80)
        place = f" {_name(bytes((command.p1 & 0x1F,)), files)}" if by_sfi else ""
        return _same(f"{place} +{command.p2 if by_sfi else command.p1 << 8 | command.p2}")
    return Words(f" 密钥{command.p2:02X}", f" key {command.p2:02X}") if ins == 0x82 else _same("")


def _same(text: str) -> Words:
    return Words(text, text)


def _name(identifier: bytes, files: FileNames | None) -> str:
    found = files(identifier) if files is not None else None
    if found:
        return found
    return f"SFI {identifier[0]:02X}" if len(identifier) == 1 else identifier.hex().upper()


def _answer(wire: bytes | None) -> Words:
    if wire is None or len(wire) < 2:
        return Words("卡无应答", "card lost")
    sw = StatusWord(wire[-2] << 8 | wire[-1])
    count = len(wire) - 2
    zh, en = f"{sw.value:04X} {sw.zh}", f"{sw.value:04X} {sw.en}"
    return Words(f"{zh}，{count}字节", f"{en}, {count} bytes") if count else Words(zh, en)
