"""One line of a personalisation order, opened as a card factory would open it."""

import hmac
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from readers.sim.cipher import decrypt, encryptor
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

KEY_NAMES = ("IRK", "RK_SSSE", "UK_SSSE", "DLK", "DPK", "DTK")


def open_order(line: Mapping[str, Any], transport_key: bytes) -> dict[str, Any]:
    """Return the line with its keys in clear, each checked against its KCV.

    Args:
        line: the JSON object; ``keys`` are 3DES-ECB under the transport key, in hex.
        transport_key: 16 bytes.

    Raises:
        InvalidValue: a key of the wrong length, or one whose check value differs (wrong transport key, damaged line).
            The message names the key, never its value.
    """
    keys: dict[str, str] = {}
    for name, wrapped in line["keys"].items():
        raw = bytes.fromhex(wrapped)
        if len(raw) != 16:
            raise InvalidValue(message("readers.sim.key_size", key=name), step="sim.order", term="密钥长度")
        clear = decrypt(transport_key, raw)
        if not hmac.compare_digest(check_value(clear), bytes.fromhex(line["kcv"][name])):
            raise InvalidValue(message("readers.sim.key_value", key=name), step="sim.order", term="密钥校验值")
        keys[name] = clear.hex()
    return {**line, "keys": keys}


def check_value(key: bytes) -> bytes:
    """KCV: left 3 bytes of 8 zero bytes under the key.

    Example:
        >>> check_value(bytes(16)).hex()
        '8ca64d'
    """
    return encryptor(key)(bytes(8))[:3]


@lru_cache(maxsize=8)
def known_aids(purse_aid: bytes) -> Mapping[bytes, str]:
    """Application identifiers the card answers to, and the directory behind each."""
    aids = {bytes.fromhex("D156000005") + bytes((number - 1,)): f"DF{number:02d}" for number in range(1, 6)}
    aids[bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")] = "SSSE"
    aids[bytes.fromhex("A000000333010101")] = "BANK"  # the bank's debit application, same chip
    aids.setdefault(purse_aid, "PURSE")
    return aids


Random = Callable[[int], bytes]
