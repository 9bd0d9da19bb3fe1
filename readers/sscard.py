"""The standard vendor driver (SSCardDriver) behind ``sscard:/path/of/the/library``: a whole card, not bytes.

The library runs in a guarded process (``readers.sscard_guard``). It reads the card itself and returns text, so there
is no ``transmit`` here; what it returns comes back as the same ``CardBasic`` the APDU path gives.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from pathlib import Path

from readers.device import Capability, CardProtocol, Clock, DeviceConnection, DeviceSlot, Reader
from readers.errors import NoCard, NotSupported
from readers.sscard_abi import FUNCTIONS, HSM_NEEDED, OUT_SIZE, failure
from readers.sscard_guard import MEMORY, Argument, Guard, Out
from readers.sscard_text import (
    BASIC_ITEMS,
    HSM_ITEMS,
    DriverBasic,
    decode,
    encode,
    file_address,
    parse_basic,
    parse_files,
    split,
)
from sbcard_core.card.basic import CardBasic
from sbcard_core.card.identification import parse_code
from sbcard_core.errors import InvalidValue, SBCardError

CAPABILITIES = frozenset({Capability.WHOLE_CARD})

_REST = {"SSSE/EF05": (0x02, 0x04), "SSSE/EF06": (0x0A, 0x0B, 0x0C, 0x0D)}
"""What ``iReadCardBas`` leaves out of ``CardBasic``."""
_LARGEST_FEN = 0xFFFF_FFFF
_FILLER = "F"
"""What fills unused digits of a cn record; stripped where a driver returns it."""

HsmHost = Callable[[Mapping[str, str]], str]
"""Takes the items of Step1 by name, returns ``pKey`` of Step2."""


class Interface(IntEnum):
    """``iType``: where the card is."""

    CONTACT = 1
    CONTACTLESS = 2
    CONTACT_FIRST = 3
    CONTACTLESS_FIRST = 4


class ReadRight(IntEnum):
    """``iAuthType`` of ``iReadCard`` (one source)."""

    PIN = 1
    KEY = 2


class Driver:
    """The functions of one library, each with its own limit and its codes turned into errors.

    Args:
        guard: holds the library.
        limits: other limits than the assumed ones, in seconds by function.
    """

    def __init__(self, guard: Guard, limits: Mapping[str, float] | None = None) -> None:
        self.guard = guard
        self._limits = dict(limits or {})

    def call(self, name: str, *arguments: int | str) -> bytes:
        """Call a function by its name.

        Args:
            name: one of ``readers.sscard_abi.FUNCTIONS``.
            arguments: all but the out buffer.

        Returns:
            The out buffer, 1024 bytes.

        Raises:
            NoCard, CardLost, ReaderLost, UnexpectedStatus, PinEntryFailed, PsamMissing, InternalAuthFailed: by code.
            DriverRefused: any other code.
            Timeout, DriverCrashed, DriverOverrun, NotSupported, Busy: see :meth:`readers.sscard_guard.Guard.call`.
            AnswerMalformed: a text that cannot be passed.
            InvalidValue: not this function's arguments.
        """
        kinds, limit = FUNCTIONS.get(name, ("", 0.0))
        given = "".join("i" if isinstance(argument, int) else "s" for argument in arguments)
        if f"{given}o" != kinds:
            raise InvalidValue("not the arguments of this function", step=name, advice=f"it takes {kinds!r}")
        passed: list[Argument] = [one if isinstance(one, int) else encode(one, name) for one in arguments]
        limit = self._limits.get(name, limit)
        code, (out,) = self.guard.call(name, [*passed, Out(OUT_SIZE)], limit=limit, step=name)
        if code != 0:
            raise failure(code, name, out[: out.find(b"\x00")].decode("gb18030", "replace"))
        return out


class WholeCard(DeviceConnection):
    """One card through the vendor's driver.

    Attributes:
        first: what the driver said of the card at :meth:`DeviceSlot.connect`.
    """

    def __init__(
        self, driver: Driver, interface: Interface, layout: Sequence[str], right: ReadRight, hsm: HsmHost | None
    ) -> None:
        self._driver = driver
        self._interface = interface
        self._layout = layout
        self._right = right
        self._hsm = hsm
        self.first = self._basic()
        super().__init__(self.first.atr, CardProtocol.ANY, CAPABILITIES)

    def basic_items(self) -> DriverBasic:
        """Read what ``iReadCardBas`` gives, by name; through the HSM where the PSAM cannot and a host is set.

        Raises:
            AnswerMalformed: not the interface's text.
            SBCardError: see :meth:`Driver.call`.
        """
        with self._alone("iReadCardBas"):
            return self._basic()

    def read_basic(self) -> CardBasic:
        """Read the same basic data as ``CardSession.read_basic``.

        What ``iReadCardBas`` does not give is asked for with ``iReadCard``. Items stay empty where the driver has no
        such function, or the card does not give them.

        Raises:
            IdentificationMalformed: the identification code is none.
            AnswerMalformed, SBCardError: see :meth:`basic_items`.
        """
        with self._alone("read_basic"):
            basic = self._basic()
            parse_code(basic.identification_code)
            try:
                rest = self._files(basic, _REST)
            except NotSupported:
                rest = {path: dict.fromkeys(tags, "") for path, tags in _REST.items()}
        card, holder = rest["SSSE/EF05"], rest["SSSE/EF06"]
        return CardBasic(
            identification_code=basic.identification_code.upper(),
            card_class=card[0x02],
            version=basic.version,
            issuer=card[0x04].rstrip(_FILLER),
            issued_on=basic.issued_on,
            expires_on=basic.expires_on,
            card_no=basic.card_no,
            id_number=basic.id_number,
            name=basic.name,
            sex=holder[0x0A],
            ethnicity=holder[0x0B].rstrip(_FILLER),
            birthplace=holder[0x0C].rstrip(_FILLER),
            birth_date=holder[0x0D].rstrip(_FILLER),
        )

    def read(self, files: Mapping[str, Sequence[int]]) -> dict[str, dict[int, str]]:
        """Read records by path and tag, as the driver writes them.

        Raises:
            AnswerMalformed: the answer does not mirror the question.
            SBCardError: see :meth:`Driver.call`.
        """
        with self._alone("iReadCard"):
            return self._files(self.first, files)

    def write(self, path: str, values: Mapping[int, str]) -> None:
        """Write records of one file (the interface's drivers handle only the first file of a call).

        Raises:
            SBCardError: see :meth:`Driver.call`; -22 where another card is in the reader.
        """
        address = file_address({path: list(values)})
        text = f"{path.replace('/', '')}|" + "".join(f"{value}|" for value in values.values()) + "$"
        self._call("iWriteCard", self._interface, self._card_info(self.first), address, text)

    def verify_pin(self) -> None:
        """Have the driver's PIN pad ask for the PIN and the card check it."""
        self._call("iVerifyPIN", self._interface)

    def change_pin(self) -> None:
        """Have the driver's PIN pad ask for the old and the new PIN."""
        self._call("iChangePIN", self._interface)

    def reload_pin(self) -> None:
        """Give the card a new PIN with the authority of the PSAM."""
        self._call("iReloadPIN", self._interface, self._card_info(self.first))

    def unblock_pin(self) -> None:
        """Give the PIN its tries back."""
        self._call("iUnblockPIN", self._interface, self._card_info(self.first))

    def debit(self, total_fen: int, insured_fen: int, at: datetime) -> str:
        """Pay with the social-security account (one source for the argument; the answer's items are not public).

        Args:
            total_fen: 本次消费总金额.
            insured_fen: 个人账户+统筹支付金额之和.
            at: of the payment.

        Returns:
            The driver's answer.

        Raises:
            InvalidValue: not 0 to 42949672.95 yuan.
        """
        if not 0 <= insured_fen <= total_fen <= _LARGEST_FEN:
            raise InvalidValue("not an amount the account takes", step="iDoDebit", term="消费金额")
        yuan = [f"{fen // 100}.{fen % 100:02d}" for fen in (total_fen, insured_fen)]
        pay = "|".join((*yuan, at.strftime("%Y%m%d%H%M%S"))) + "|"
        return self._call("iDoDebit", self._interface, self._card_info(self.first), pay)

    def read_debit_record(self) -> str:
        """The account's log as the driver writes it (its items are not public)."""
        return self._call("iReadDebitRecord", self._interface)

    def call(self, name: str, *arguments: int | str) -> str:
        """Any function of the interface, e.g. the steps with an HSM; its text."""
        return self._call(name, *arguments)

    # --- inside

    def _call(self, name: str, *arguments: int | str) -> str:
        with self._alone(name):
            return decode(self._driver.call(name, *(_plain(argument) for argument in arguments)), name)

    def _basic(self) -> DriverBasic:
        try:
            raw = self._driver.call("iReadCardBas", int(self._interface))
        except SBCardError as error:
            if self._hsm is None or getattr(error, "driver_code", None) not in HSM_NEEDED:
                raise
            asked = split(decode(self._driver.call("iReadCardBas_HSM_Step1", int(self._interface)), "HSM_Step1"))
            items = dict(zip((*HSM_ITEMS, "terminal_no"), asked, strict=False))
            raw = self._driver.call("iReadCardBas_HSM_Step2", self._hsm(items))
        return parse_basic(raw, layout=self._layout)

    def _files(self, basic: DriverBasic, files: Mapping[str, Sequence[int]]) -> dict[str, dict[int, str]]:
        card = self._card_info(basic)
        raw = self._driver.call("iReadCard", int(self._interface), int(self._right), card, file_address(files))
        return parse_files(raw, files)

    @staticmethod
    def _card_info(basic: DriverBasic) -> str:
        return f"{basic.identification_code}|{basic.card_no}|"

    def _transmit(self, command: bytes) -> bytes:  # noqa: ARG002 - there is none
        self._need(Capability.APDU, "transmit")
        return b""

    def _disconnect(self) -> None:
        """The driver closes the card after each call by itself."""


def _plain(argument: int | str) -> int | str:
    return int(argument) if isinstance(argument, int) else argument


class SSCardSlot(DeviceSlot):
    """The card place of a vendor's driver; it has no call for presence, so the card is read."""

    def __init__(
        self, driver: Driver, interface: Interface, connect: Callable[[], WholeCard], name: str, clock: Clock
    ) -> None:
        super().__init__(name, CAPABILITIES, clock)
        self._driver = driver
        self._interface = interface
        self._make = connect

    def is_present(self) -> bool:
        """Whether a card is there: reads it, and takes every answer but "no card" as one."""
        try:
            self._driver.call("iReadCardBas", int(self._interface))
        except NoCard:
            return False
        except SBCardError as error:
            if getattr(error, "driver_code", None) is None:
                raise
        return True

    def _connect(self, protocol: CardProtocol, exclusive: bool) -> WholeCard:
        if protocol is not CardProtocol.ANY or exclusive:
            raise NotSupported("the vendor's driver chooses protocol and sharing by itself", step="connect")
        return self._make()


class SSCardReader(Reader):
    """A vendor's driver as a reader; closing it ends the process that holds the library, connecting starts one."""

    def __init__(self, slot: SSCardSlot, driver: Driver, clock: Clock) -> None:
        super().__init__(slot.name, (slot,), clock)
        self.driver = driver

    def connect_card(self, *, timeout: float | None = None) -> WholeCard:
        """``connect`` with the type of what it returns."""
        card = self.connect(timeout=timeout)
        assert isinstance(card, WholeCard)
        return card

    def close(self) -> None:
        """End connection and process."""
        super().close()
        self.driver.guard.close()


def open(
    path: str,
    *,
    clock: Clock = time.monotonic,
    interface: Interface = Interface.CONTACT_FIRST,
    layout: Sequence[str] = BASIC_ITEMS,
    right: ReadRight = ReadRight.KEY,
    limits: Mapping[str, float] | None = None,
    hsm: HsmHost | None = None,
    python: str = sys.executable,
    folder: str | Path | None = None,
    memory: int = MEMORY,
) -> SSCardReader:
    """Open a vendor's driver.

    Args:
        path: the shared library.
        clock: monotonic seconds.
        interface: ``iType``.
        layout: names of the items of ``iReadCardBas``, for a driver with another order.
        right: ``iAuthType`` for reading files.
        limits: seconds by function, where the assumed ones don't suit.
        hsm: answers Step1 when the driver says that PSAM or key is missing; None to raise that error.
        python: interpreter that runs the library; a 32-bit one for a 32-bit library.
        folder: working directory of the library; its own folder when None.
        memory: most bytes of address space for it.

    Raises:
        ReaderNotFound: no such file.
    """
    guard = Guard(path, python=python, folder=folder, memory=memory, clock=clock)
    driver = Driver(guard, limits)

    def connect() -> WholeCard:
        return WholeCard(driver, interface, layout, right, hsm)

    slot = SSCardSlot(driver, interface, connect, Path(path).name, clock)
    return SSCardReader(slot, driver, clock)
