"""The certificate application of 3.00 cards, as two public vendor codes use it: SM4, 16-byte challenges.

A card has it when its order has ``pki``: ``user_pin``, ``admin_pin``, ``key`` (CTK) and ``master_key`` in hex; the
signing key and the certificates are files ``PKI.ADF1/0012``, ``0018`` and ``0019``.
"""

import hmac
from collections.abc import Mapping
from typing import Any

from apdu.command import CommandAPDU
from readers.sim.cipher import sm3, sm4, sm4_decrypt, sm4_mac
from readers.sim.refusal import Refusal
from readers.sim.settings import SimSettings

AIDS = {bytes.fromhex("504B492EC9E7BBE1B1A3D5CF"): "PKI", bytes.fromhex("53532E434552542E41444631"): "PKI.ADF1"}
_USER, _ADMIN = 0x81, 0x00
_NEW_KEY_HEAD = bytes.fromhex("13000000")


class PkiApplication:
    """PINs and keys of the certificate application.

    Args:
        given: the order's ``pki``.
        settings: retry limits.
    """

    def __init__(self, given: Mapping[str, Any], settings: SimSettings) -> None:
        self._pins = {_USER: bytes.fromhex(given["user_pin"]), _ADMIN: bytes.fromhex(given["admin_pin"])}
        self._key, self._master = bytes.fromhex(given["key"]), bytes.fromhex(given["master_key"])
        self._limit = settings.pin_tries
        self._tries = dict.fromkeys((*self._pins, "master"), settings.pin_tries)
        self._open: set[Any] = set()

    def forget(self) -> None:
        """Power on: every right is gone, the counters stay."""
        self._open.clear()

    def run(self, command: CommandAPDU, challenge: bytes | None) -> bytes | None:
        """A command inside the application; None = not one of its own."""
        match command.cla, command.ins, command.p1, command.p2:
            case 0x80, 0xC4, 0x01, 0x03:
                return self._hash(command)
            case 0x00, 0x20, 0x01, (0x81 | 0x00) as which:
                return self._verify(which, sm4(sm3(self._pins[which])[:16]), command, challenge)
            case 0x00, 0x82, 0x00, 0x00:
                return self._verify("master", sm4(self._master), command, challenge)
            case 0x84, 0x5E, 0x01, 0x00:
                clear = sm4_decrypt(self._key, self._unsealed(self._key, command, challenge, 16))
                self._pins[_USER] = clear[1 : 1 + clear[0]]
                self._tries[_USER] = self._limit
                return b""
            case 0x84, 0xD4, 0x01, 0x00:
                return self._replace_master(command, challenge)
        return None

    def _hash(self, command: CommandAPDU) -> bytes:
        if command.data[:1] != b"\xc1" or command.nc < 2 or command.data[1] != command.nc - 2:
            raise Refusal(0x6A80)
        return sm3(command.data[2:])

    def _verify(self, which: Any, encrypt: Any, command: CommandAPDU, challenge: bytes | None) -> bytes:
        if command.nc != 16:
            raise Refusal(0x6700)
        if challenge is None or len(challenge) != 16:
            raise Refusal(0x6984)
        if self._tries[which] == 0:
            raise Refusal(0x6983)
        if not hmac.compare_digest(encrypt(challenge), command.data):
            self._open.discard(which)
            self._tries[which] -= 1
            raise Refusal(0x63C0 | self._tries[which])
        self._tries[which] = self._limit
        self._open.add(which)
        return b""

    def _replace_master(self, command: CommandAPDU, challenge: bytes | None) -> bytes:
        if "master" not in self._open:
            raise Refusal(0x6982)
        clear = sm4_decrypt(self._master, self._unsealed(self._master, command, challenge, 32))
        if clear[:4] != _NEW_KEY_HEAD:
            raise Refusal(0x6A80)
        self._master = clear[4:20]
        return b""

    def _unsealed(self, key: bytes, command: CommandAPDU, challenge: bytes | None, size: int) -> bytes:
        """The body behind a right MAC; which key makes it is assumed: the one that encrypts."""
        if challenge is None or len(challenge) != 16:
            raise Refusal(0x6984)
        if command.nc != size + 4:
            raise Refusal(0x6700)
        body, given = command.data[:-4], command.data[-4:]
        header = bytes((command.cla, command.ins, command.p1, command.p2, command.nc))
        if not hmac.compare_digest(sm4_mac(key, challenge, header + body), given):
            raise Refusal(0x6988)
        return body
