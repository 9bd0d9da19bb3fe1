"""The virtual social-security card of three generations: files, authentication, PIN, purse, account, certificates."""

import hmac
from collections.abc import Callable, Mapping
from typing import Any

from apdu.command import CommandAPDU
from readers.sim.account import MedicalAccount
from readers.sim.arithmetic import Arithmetic
from readers.sim.cipher import decrypt, retail_mac
from readers.sim.files import FileTree, RecordFile
from readers.sim.layout import is_transparent
from readers.sim.order import known_aids, open_order
from readers.sim.pin import PinObject
from readers.sim.pki import AIDS as PKI_AIDS
from readers.sim.pki import PkiApplication
from readers.sim.purse import PurseApplication
from readers.sim.refusal import Refusal
from readers.sim.settings import DEFAULT, SimSettings
from readers.sim.shell import DeviceShell
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

KEY_OF_KID = {0x0A: "RK_SSSE", 0x04: "UK_SSSE"}
"""Card key id (P2 of EXTERNAL AUTHENTICATE) to key: three and two public sources."""

_LOG = 0xEF08
_UNSHUT = 0xFF
"""Key id of what nobody may write."""


class VirtualCard(DeviceShell):
    """A card as made from one line of a personalisation order (模拟社保卡); implements ``CardChannel``.

    It has every file of its generation; those the order does not give are empty. EF05 is free to read, EF06 on a card
    whose version starts with 1 or 2 too; on a version 3 card EF06 needs RK_SSSE (public vendor code). Who may read the
    others is ``SimSettings.access``. Writing the basic files needs UK_SSSE. Cryptography is 3DES; how SM4 gives 8-byte
    cryptograms is not public: ``SimSettings.sm4`` must say it.

    Args:
        order: the line with its keys **in clear**; :meth:`from_order` opens a line as delivered.
        rng: random bytes, e.g. ``random.Random(7).randbytes`` or ``os.urandom``.
        settings: behaviour where no source says.

    Raises:
        InvalidValue: no EF, an initial PIN that is not 4 to 16 digits, or a balance that no purse can hold.

    Example:
        >>> import random
        >>> order = {"atr": "3B6D000000814E43238660010203040506", "version": "2.00", "initial_pin": "123456",
        ...          "files": {"SSSE/EF05": ["0304322E3030"]}, "keys": {}}
        >>> card = VirtualCard(order, rng=random.Random(7).randbytes)
        >>> card.transmit(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))[-2:].hex()
        '9000'
        >>> card.transmit(bytes.fromhex("00B2032806")).hex()
        '0304322e30309000'
    """

    def __init__(
        self, order: Mapping[str, Any], *, rng: Callable[[int], bytes], settings: SimSettings = DEFAULT
    ) -> None:
        super().__init__(get_response=settings.get_response)
        self.atr = bytes.fromhex(order["atr"])
        self._rng = rng
        self._settings = settings
        self._keys = {name: bytes.fromhex(value) for name, value in order.get("keys", {}).items()}
        if not order["files"]:
            raise InvalidValue(message("readers.sim.no_file"), step="sim.card", term="卡文件")
        self._compute = Arithmetic(settings)
        self._files = FileTree(order["files"], str(order.get("version", "2.00"))[:1], settings)
        self._kids = {**settings.more_keys, **KEY_OF_KID}
        self._pin = PinObject(order["initial_pin"], settings)
        self._key_tries = dict.fromkeys(self._kids, settings.key_tries)
        balance = int(order.get("purse", {}).get("balance", 0))
        self.purse = PurseApplication(self._keys, balance, rng=rng, settings=settings)
        self._aids = {**known_aids(settings.purse_aid), **settings.more_aids}
        self._files[self._aids[settings.purse_aid], _LOG] = RecordFile(self.purse.log, _UNSHUT, settings.log_rule)
        self.account = MedicalAccount(self.purse, order.get("account", {}), settings)
        self._pki = PkiApplication(order["pki"], settings) if "pki" in order else None
        if self._pki is not None:
            self._aids |= PKI_AIDS
        self._commands = {
            (0x00, 0xA4): self._select,
            (0x00, 0xB2): self._read_record,
            (0x00, 0xDC): self._update_record,
            (0x04, 0xDC): self._update_secure,
            (0x00, 0xB0): self._read_binary,
            (0x84, 0x24): self._pin_message,
            (0x00, 0x84): self._get_challenge,
            (0x00, 0x88): self._internal_authenticate,
            (0x00, 0x82): self._external_authenticate,
            (0x00, 0x20): self._pin.verify,
            (0x80, 0x5E): self._pin.change,
            (0x80, 0x50): self._purse_initialise,
            (0x80, 0x52): self._purse_credit,
            (0x80, 0x54): self._purse_debit,
            (0x80, 0x5C): self._purse_balance,
            (0x80, 0x5A): self._purse_proof,
        }
        self.reset()

    @classmethod
    def from_order(
        cls,
        line: Mapping[str, Any],
        transport_key: bytes,
        *,
        rng: Callable[[int], bytes],
        settings: SimSettings = DEFAULT,
    ) -> "VirtualCard":
        """Make a card from a line as delivered: unwrap the keys under the transport key and check each KCV.

        Raises:
            InvalidValue: a key does not match its check value.
        """
        return cls(open_order(line, transport_key), rng=rng, settings=settings)

    def reset(self) -> bytes:
        """Power on or warm reset: every right and every challenge is gone; returns the ATR."""
        self._directory = "MF"
        self._current: int | None = None
        self._challenge: bytes | None = None
        self._pin.forget()
        self._authenticated: set[int] = set()
        self._forget_answer()
        if self._pki is not None:
            self._pki.forget()
        self.purse.settle_state(-1)
        if not self._settings.keeps_proof:
            self.purse.forget_proof()
        return self.atr

    def _run(self, command: CommandAPDU) -> bytes:
        self.purse.settle_state(command.ins)
        if self._pki is not None and self._directory == "PKI.ADF1":
            challenge, self._challenge = self._challenge, None
            answer = self._pki.run(command, challenge)
            if answer is not None:
                return answer
            self._challenge = challenge
        if command.cla == 0xB0:
            if self._directory != "DF04":
                raise Refusal(0x6E00)
            return self.account.run(command, self._pin)
        handler = self._commands.get((command.cla, command.ins))
        if handler is None:
            raise Refusal(0x6D00 if command.cla in (0x00, 0x04, 0x80, 0x84) else 0x6E00)
        return handler(command)

    # -- files -------------------------------------------------------------------------------------------------

    def _select(self, command: CommandAPDU) -> bytes:
        if command.p1 == 0x04:
            name = self._aids.get(command.data)
            if name is None or (name == "BANK" and not self._files.has_directory(name)):
                raise Refusal(0x6A82)
            self._enter(name)
            return _fci(command.data, self._settings.algorithm)
        if command.p1 not in (0x00, 0x02) or command.nc != 2:
            raise Refusal(0x6A86 if command.nc == 2 else 0x6700)
        fid = int.from_bytes(command.data, "big")
        if command.p1 == 0x00 and fid == 0x3F00:
            self._enter("MF")
        elif command.p1 == 0x00 and (0xDF01 <= fid <= 0xDF05 or fid == 0xDF07):
            self._enter(f"DF{fid & 0xFF:02X}")
        elif self._files.has((self._directory, fid)):
            self._current = fid
        else:
            raise Refusal(0x6A82)
        return b""

    def _enter(self, directory: str) -> None:
        self._directory, self._current, self._challenge = directory, None, None

    def _file(self, p2: int) -> RecordFile:
        sfi = p2 >> 3
        if sfi:
            fid = 0xEF00 | sfi
            if not self._files.has((self._directory, fid)):
                raise Refusal(0x6A82)
            self._current = fid
        if self._current is None:
            raise Refusal(0x6986)
        return self._files[self._directory, self._current]

    def _read_record(self, command: CommandAPDU) -> bytes:
        by_tag = _reference_form(command)
        file = self._file(command.p2)
        if not file.allows(self._authenticated, pin=self._pin.verified):
            raise Refusal(0x6982)
        return file.records[file.index(command.p1, by_tag=by_tag)]

    def _read_binary(self, command: CommandAPDU) -> bytes:
        """00 B0: P1 = 80 | SFI and an offset, or an offset of 15 bits in the current file."""
        if command.p1 & 0x80:
            file, offset = self._file((command.p1 & 0x1F) << 3), command.p2
        else:
            file, offset = self._file(0), command.p1 << 8 | command.p2
        if not (self._directory == "PKI.ADF1" or is_transparent((self._directory, self._current or 0))):
            raise Refusal(0x6981)
        if not file.allows(self._authenticated, pin=self._pin.verified):
            raise Refusal(0x6982)
        body = b"".join(file.records)
        if offset > len(body):
            raise Refusal(0x6B00)
        return body[offset : offset + command.ne]

    def _update_record(self, command: CommandAPDU) -> bytes:
        by_tag = _reference_form(command)
        file = self._file(command.p2)
        if file.update_key not in self._authenticated or file.secure:
            raise Refusal(0x6982)
        file.update(file.index(command.p1, by_tag=by_tag), command.data)
        return b""

    def _update_secure(self, command: CommandAPDU) -> bytes:
        """04 DC: the record, then 4 bytes of MAC under STK over header and record, chained from the challenge."""
        by_tag = _reference_form(command)
        file = self._file(command.p2)
        body = self._unsealed(command, "STK")
        file.update(file.index(command.p1, by_tag=by_tag), body)
        return b""

    def _unsealed(self, command: CommandAPDU, name: str) -> bytes:
        challenge, self._challenge = self._challenge, None
        if name not in self._keys:
            raise Refusal(0x6A88)
        if challenge is None or len(challenge) not in (4, 8):
            raise Refusal(0x6984)
        if command.nc < 4:
            raise Refusal(0x6987)
        body, given = command.data[:-4], command.data[-4:]
        header = bytes((command.cla, command.ins, command.p1, command.p2, command.nc))
        if not hmac.compare_digest(retail_mac(self._keys[name], challenge.ljust(8, b"\x00"), header + body), given):
            raise Refusal(0x6988)
        return body

    def _pin_message(self, command: CommandAPDU) -> bytes:
        """84 24: P2 00 resets the counter, P2 01 sets a new PIN; both after key 06, under RPK (one vendor code)."""
        if command.p1 != 0 or command.p2 not in (0, 1):
            raise Refusal(0x6A86)
        if 0x06 not in self._authenticated:
            raise Refusal(0x6982)
        body = self._unsealed(command, "RPK")
        if command.p2 == 0:
            self._pin.unblock()
            return b""
        if len(body) != 16:
            raise Refusal(0x6A80)
        clear = decrypt(self._keys["RPK"], body)
        self._pin.replace(clear[1 : 1 + clear[0]])
        return b""

    # -- authentication ----------------------------------------------------------------------------------------

    def _get_challenge(self, command: CommandAPDU) -> bytes:
        if command.ne not in (4, 8, 16):
            raise Refusal(0x6700)
        self._challenge = self._rng(command.ne)
        return self._challenge

    def _internal_authenticate(self, command: CommandAPDU) -> bytes:
        if command.nc != 16:
            raise Refusal(0x6700)
        return self._cryptogram("IRK", command.data[:8], command.data[8:])

    def _external_authenticate(self, command: CommandAPDU) -> bytes:
        if command.nc not in (16, 17):  # 17: a key version byte behind, ignored
            raise Refusal(0x6700)
        name = self._kids.get(command.p2)
        if name is None or name not in self._keys:
            raise Refusal(0x6A88)
        if self._key_tries[command.p2] == 0:
            raise Refusal(0x6983)
        process, self._challenge = self._challenge, None
        if process is None or len(process) != 8:
            raise Refusal(0x6984)
        expected = self._cryptogram(name, process, command.data[8:16])
        if not hmac.compare_digest(expected, command.data[:8]):
            self._authenticated.discard(command.p2)
            self._key_tries[command.p2] -= 1
            raise Refusal(0x63C0 | self._key_tries[command.p2])
        self._key_tries[command.p2] = self._settings.key_tries
        self._authenticated.add(command.p2)
        return b""

    def _cryptogram(self, name: str, process: bytes, original: bytes) -> bytes:
        if name not in self._keys:
            raise Refusal(0x6A88)
        return self._compute.cryptogram(self._compute.keyed(self._keys[name]), process, original)

    # -- purse -------------------------------------------------------------------------------------------------

    def _purse_initialise(self, command: CommandAPDU) -> bytes:
        self._in_purse()
        return self.purse.initialise(command, self._pin)

    def _purse_credit(self, command: CommandAPDU) -> bytes:
        self._in_purse()
        return self.purse.credit(command)

    def _purse_debit(self, command: CommandAPDU) -> bytes:
        self._in_purse()
        return self.purse.debit(command)

    def _purse_balance(self, command: CommandAPDU) -> bytes:
        self._in_purse()
        return self.purse.read_balance(command)

    def _purse_proof(self, command: CommandAPDU) -> bytes:
        self._in_purse()
        return self.purse.prove(command)

    def _in_purse(self) -> None:
        if self._directory != self._aids[self._settings.purse_aid]:
            raise Refusal(0x6985)


def _reference_form(command: CommandAPDU) -> bool:
    """P2's low three bits: 4 = record number, 0 = identifier, which here is the tag."""
    form = command.p2 & 0x07
    if form not in (0x00, 0x04):
        raise Refusal(0x6A86)
    return form == 0x00


def _fci(aid: bytes, algorithm: int) -> bytes:
    """FCI with tag 9F0C holding 86 01 and the algorithm: 01 = 3DES (public vendor code)."""
    own = bytes((0x9F, 0x0C, 0x03, 0x86, 0x01, algorithm + 1))
    proprietary = bytes((0xA5, len(own))) + own
    inside = bytes((0x84, len(aid))) + aid + proprietary
    return bytes((0x6F, len(inside))) + inside
