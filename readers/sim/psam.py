"""The virtual PSAM (终端安全存取模块): social-security cryptograms and the PBOC purchase pair."""

import hmac
from collections.abc import Callable, Mapping

from apdu.command import CommandAPDU
from readers.sim.arithmetic import Arithmetic, Keyed
from readers.sim.refusal import Refusal
from readers.sim.settings import DEFAULT, SimSettings
from readers.sim.shell import DeviceShell
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

APPLICATION = bytes.fromhex("D15600000590")
"""DF01 of the social-security PSAM; two public sources."""

_SSSE = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
_TYPE_MAC_ENCRYPT = 8
_CACHE = 4096


class VirtualPSAM(DeviceShell):
    """A PSAM with the root keys of the hierarchy root, city, card; implements ``CardChannel``.

    On the wire the card's factor comes first and the city's second; the PSAM applies them the other way round.

    Args:
        keys: 16-byte keys by name: IRK, RK_SSSE, UK_SSSE for authentication, DPK for purchases; others are ignored.
        terminal_no: 6 bytes, 终端机编号.
        rng: random bytes.
        settings: behaviour where no source says.

    Raises:
        InvalidValue: a key that is not 16 bytes or a terminal number that is not 6.

    Example:
        >>> import random
        >>> psam = VirtualPSAM({"RK_SSSE": bytes(16)}, bytes.fromhex("430100000001"), rng=random.Random(7).randbytes)
        >>> psam.transmit(bytes.fromhex("00A4040006D15600000590")).hex()
        '9000'
        >>> psam.transmit(bytes.fromhex("BFDE480A18") + bytes(8) + b"430100sx" + bytes(8)).hex()
        '9000'
        >>> len(psam.transmit(bytes.fromhex("80FA000008") + bytes(8)))
        10
    """

    atr = bytes.fromhex("3B6800000073C84013009000")

    def __init__(
        self,
        keys: Mapping[str, bytes],
        terminal_no: bytes,
        *,
        rng: Callable[[int], bytes],
        settings: SimSettings = DEFAULT,
    ) -> None:
        super().__init__(get_response=settings.get_response)
        if len(terminal_no) != 6 or any(len(key) != 16 for key in keys.values()):
            raise InvalidValue(message("readers.sim.psam_form"), step="sim.psam", term="终端机编号")
        self._terminal_no = terminal_no
        self._rng = rng
        self._settings = settings
        self._compute = Arithmetic(settings)
        self._roots = {name: self._compute.keyed(key) for name, key in keys.items()}
        self._names = {0x0A: "RK_SSSE", 0x12: "UK_SSSE", settings.irk_key_id: "IRK"}
        self._branches: dict[tuple[str, bytes], Keyed] = {}
        self._txn_no = settings.first_terminal_txn_no
        self._budget = settings.psam_mac_budget
        self._open = {
            (0x00, 0xA4): self._select,
            (0x00, 0x84): self._challenge,
            (0x00, 0xB0): self._read_terminal_number,
        }
        self._inside = {
            (0xBF, 0xDE): self._prepare,
            (0x80, 0x1A): self._prepare,
            (0x80, 0xFA): self._crypt,
            (0x80, 0x70): self._init_purchase,
            (0x80, 0x72): self._credit_purchase,
        }
        self.reset()

    def reset(self) -> bytes:
        """Power on: nothing selected, nothing prepared; counters stay. Returns the ATR."""
        self._selected = False
        self._prepared: tuple[Keyed, bytes] | None = None
        self._expected_mac2: bytes | None = None
        self._forget_answer()
        return self.atr

    def _run(self, command: CommandAPDU) -> bytes:
        code = (command.cla, command.ins)
        handler = self._open.get(code)
        if handler is None:
            handler = self._inside.get(code)
            if handler is None:
                raise Refusal(0x6D00)
            if not self._selected:
                raise Refusal(0x6985)
        return handler(command)

    def _select(self, command: CommandAPDU) -> bytes:
        self._prepared = self._expected_mac2 = None
        if command.p1 == 0x04 and command.data in (APPLICATION, _SSSE):
            self._selected = command.data == APPLICATION
        elif command.p1 == 0x00 and command.data == b"\x3f\x00":
            self._selected = False
        else:
            raise Refusal(0x6A82)
        return b""

    def _challenge(self, command: CommandAPDU) -> bytes:
        if command.ne not in (4, 8, 16):
            raise Refusal(0x6700)
        return self._rng(command.ne)

    def _read_terminal_number(self, command: CommandAPDU) -> bytes:
        """EF 16 of a purchase SAM, ``00B0 9600 06``: assumed, PBOC practice."""
        if (command.p1, command.p2) != (0x96, 0x00):
            raise Refusal(0x6A82)
        return self._terminal_no

    def _prepare(self, command: CommandAPDU) -> bytes:
        levels, key_type = command.p1 >> 5, command.p1 & 0x1F
        if command.nc != 8 * (levels + 1):
            raise Refusal(0x6700)
        name = self._names.get(command.p2)
        if name not in self._roots or key_type != _TYPE_MAC_ENCRYPT:
            raise Refusal(0x6A88)
        factors = [command.data[at : at + 8] for at in range(0, 8 * levels, 8)]
        self._prepared = (self._card_key(name, factors), command.data[-8:])
        return b""

    def _crypt(self, command: CommandAPDU) -> bytes:
        prepared, self._prepared = self._prepared, None
        if prepared is None:
            raise Refusal(0x6901)
        if command.nc == 0 or command.nc % 8:
            raise Refusal(0x6700)
        return self._compute.cryptogram(*prepared, command.data)

    def _init_purchase(self, command: CommandAPDU) -> bytes:
        self._expected_mac2 = None
        levels, rest = divmod(command.nc - 20, 8)
        if levels < 1 or rest:
            raise Refusal(0x6700)
        if "DPK" not in self._roots or command.data[19] != self._settings.algorithm:
            raise Refusal(0x9403)
        if self._budget == 0:
            raise Refusal(0x9303)
        data, number = command.data, self._txn_no.to_bytes(4, "big")
        factors = [data[at : at + 8] for at in range(20, command.nc, 8)]
        session = self._compute.session(self._card_key("DPK", factors), data[0:6] + number[2:])
        amount, kind, moment = data[6:10], data[10:11], data[11:18]
        mac1 = self._compute.mac(session, amount + kind + self._terminal_no + moment)
        self._expected_mac2 = self._compute.mac(session, amount)
        self._txn_no = (self._txn_no + 1) & 0xFFFFFFFF
        return number + mac1

    def _credit_purchase(self, command: CommandAPDU) -> bytes:
        expected, self._expected_mac2 = self._expected_mac2, None
        if expected is None:
            raise Refusal(0x6901)
        if command.nc != 4:
            raise Refusal(0x6700)
        if not hmac.compare_digest(expected, command.data):
            self._budget -= 1
            raise Refusal(0x9302)
        self._budget = self._settings.psam_mac_budget
        return b""

    def _card_key(self, name: str, wire_factors: list[bytes]) -> Keyed:
        """Apply the factors from the last on the wire (the city) to the first (the card)."""
        key, path = self._roots[name], b""
        if not wire_factors:
            return key
        for factor in reversed(wire_factors[1:]):
            path += factor
            key = self._branch(name, path, key)
        return self._compute.child(key, wire_factors[0])

    def _branch(self, name: str, path: bytes, parent: Keyed) -> Keyed:
        """A city's key, kept: a terminal meets few cities and many cards."""
        kept = self._branches.get((name, path))
        if kept is None:
            if len(self._branches) >= _CACHE:
                self._branches.clear()
            kept = self._branches[name, path] = self._compute.child(parent, path[-8:])
        return kept
