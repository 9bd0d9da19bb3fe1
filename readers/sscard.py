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

from apdu.errors import CardLost, UnexpectedStatus
from apdu.purse import pack_datetime
from apdu.status import StatusWord
from readers.base import whole_fen
from readers.device import Capability, CardProtocol, Clock, DeviceConnection, DeviceSlot, Reader
from readers.errors import CardRemoved, DriverRefused, NoCard, NotSupported, PinEntryFailed
from readers.sscard_abi import HOLDER_SECONDS, HSM_NEEDED, costs_a_try
from readers.sscard_driver import Driver
from readers.sscard_files import WHOLE_FILE, DriverFiles, file_address, file_values, parse_files
from readers.sscard_guard import MEMORY, Guard
from readers.sscard_items import BASIC_ITEMS, HSM_ITEMS, DriverBasic, parse_basic, parse_items
from readers.sscard_text import decode
from sbcard_core.card.basic import CardBasic
from sbcard_core.card.errors import CardError, PinLocked, PsamMissing
from sbcard_core.card.files import FileDecl, Format, Structure
from sbcard_core.card.identification import parse_code
from sbcard_core.errors import InvalidValue, SBCardError
from sbcard_core.messages import message

CAPABILITIES = frozenset({Capability.WHOLE_CARD})

_REST = {
    ("SSSE/EF05", 0x02): "card_class",
    ("SSSE/EF05", 0x04): "issuer",
    ("SSSE/EF06", 0x0A): "sex",
    ("SSSE/EF06", 0x0B): "ethnicity",
    ("SSSE/EF06", 0x0C): "birthplace",
    ("SSSE/EF06", 0x0D): "birth_date",
}
"""What ``iReadCardBas`` leaves out of ``CardBasic``."""
_PACKED = frozenset({"issuer", "ethnicity", "birthplace", "birth_date"})
_CARD_NO = 9
"""Characters of a card number; a longer record holds it first."""
_LARGEST_FEN = 0xFFFF_FFFF
_FILLER = "F"
"""What fills unused digits of a cn record; stripped where a driver returns it."""

_NO_RECORD = StatusWord(0x6A83)
_FINAL = (NotSupported, PinEntryFailed, PinLocked)
"""Asking once more changes nothing."""

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

        What ``iReadCardBas`` does not give is asked for with ``iReadCard``. An item that driver or card do not give
        stays empty and is named in ``CardBasic.unread``; it costs no other item.

        Raises:
            IdentificationMalformed: the identification code is none.
            AnswerMalformed, SBCardError: see :meth:`basic_items`.
        """
        with self._alone("read_basic"):
            basic = self._basic()
            parse_code(basic.identification_code)
            unread: dict[str, SBCardError] = dict(basic.unread)
            rest = self._rest(basic, unread)
        for name in ("card_no", "id_number", "name"):
            if not getattr(basic, name) and name not in unread:
                unread[name] = PsamMissing(message("readers.item.empty"), step="iReadCardBas", term="数据项")
        return CardBasic(
            identification_code=basic.identification_code.upper(),
            version=basic.version,
            issued_on=basic.issued_on.rstrip(_FILLER),
            expires_on=basic.expires_on.rstrip(_FILLER),
            card_no=basic.card_no[:_CARD_NO],
            id_number=basic.id_number,
            name=basic.name,
            unread=unread,
            **rest,
        )

    def _rest(self, basic: DriverBasic, unread: dict[str, SBCardError]) -> dict[str, str]:
        """The items of ``iReadCard`` by name."""
        files: dict[str, list[int]] = {}
        for path, tag in _REST:
            files.setdefault(path, []).append(tag)
        found = self._files(basic, files)
        unread.update({_REST[place]: error for place, error in found.unread.items()})
        values = {name: found.values.get(path, {}).get(tag, "") for (path, tag), name in _REST.items()}
        return {name: value.rstrip(_FILLER) if name in _PACKED else value for name, value in values.items()}

    def read(self, files: Mapping[str, Sequence[int]]) -> DriverFiles:
        """Read records by path and tag, as the driver writes them; no tag for a file that is one value.

        What the driver does not give is named in ``unread``; it costs nothing else.

        Raises:
            CardLost: the card or the reader went away.
            SBCardError: nothing at all was read; see :meth:`Driver.call`.
        """
        with self._alone("iReadCard"):
            found = self._files(self.first, files)
        if found.unread and not any(found.values.values()):
            raise next(iter(found.unread.values()))
        return found

    def read_file(self, file: FileDecl) -> tuple[dict[str, str], dict[str, SBCardError]]:
        """Read a declared file as the driver writes it.

        Returns:
            Values by the names of its records, and what could not be read with the error of each. A record the card
            does not have is in neither. A file without tags is one value, under the file's own name.

        Raises:
            CardLost: the card or the reader went away.
        """
        names = {record.tag: record for record in file.records} if file.structure is Structure.RECORDS else {}
        with self._alone("iReadCard"):
            found = self._files(self.first, {file.path: list(names)})
        values: dict[str, str] = {}
        for tag, value in found.values.get(file.path, {}).items():
            record = names.get(tag)
            packed = record is not None and record.format is Format.CN
            values[record.name if record else file.path] = value.rstrip(_FILLER) if packed else value
        unread = {
            names[tag].name if tag in names else file.path: error
            for (_, tag), error in found.unread.items()
            if getattr(error, "sw", None) != _NO_RECORD
        }
        return values, unread

    def write(self, path: str, values: Mapping[int, str]) -> None:
        """Write records of one file (the interface's drivers handle only the first file of a call).

        Raises:
            InvalidValue: a value holds "|" or "$", the ends of items and files; nothing is written.
            SBCardError: see :meth:`Driver.call`; -22 where another card is in the reader.
        """
        address = file_address({path: list(values)})
        self._call("iWriteCard", self._interface, self.first.card_info, address, file_values(path, values.values()))

    def verify_pin(self) -> None:
        """Have the driver's PIN pad ask for the PIN and the card check it."""
        self._call("iVerifyPIN", self._interface)

    def change_pin(self) -> None:
        """Have the driver's PIN pad ask for the old and the new PIN."""
        self._call("iChangePIN", self._interface)

    def reload_pin(self) -> None:
        """Give the card a new PIN with the authority of the PSAM."""
        self._call("iReloadPIN", self._interface, self.first.card_info)

    def unblock_pin(self) -> None:
        """Give the PIN its tries back."""
        self._call("iUnblockPIN", self._interface, self.first.card_info)

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
        whole_fen("total_fen", total_fen, "iDoDebit")
        whole_fen("insured_fen", insured_fen, "iDoDebit")
        if not 0 <= insured_fen <= total_fen <= _LARGEST_FEN:
            raise InvalidValue(message("readers.debit.amount"), step="iDoDebit", term="消费金额")
        yuan = [f"{fen // 100}.{fen % 100:02d}" for fen in (total_fen, insured_fen)]
        pay = "|".join((*yuan, pack_datetime(at).hex())) + "|"
        return self._call("iDoDebit", self._interface, self.first.card_info, pay)

    def read_debit_record(self) -> str:
        """The account's log as the driver writes it (its items are not public)."""
        return self._call("iReadDebitRecord", self._interface)

    def call(self, name: str, *arguments: int | str) -> str:
        """Any function of the interface, e.g. the steps with an HSM; its text."""
        return self._call(name, *arguments)

    # --- inside

    def _call(self, name: str, *arguments: int | str) -> str:
        with self._alone(name):
            answer = self._driver.call(name, *(_plain(argument) for argument in arguments))
            return decode(answer, name, self._driver.encoding)

    def _basic(self) -> DriverBasic:
        try:
            raw = self._driver.call("iReadCardBas", int(self._interface))
        except SBCardError as error:
            if self._hsm is None or getattr(error, "driver_code", None) not in HSM_NEEDED:
                raise
            step, encoding = "iReadCardBas_HSM_Step1", self._driver.encoding
            asked = self._driver.call(step, int(self._interface))
            layout = (*HSM_ITEMS, "terminal_no")
            items = parse_items(asked, layout, least=len(HSM_ITEMS) - 2, step=step, encoding=encoding)
            answer = self._hsm(items.named)
            if not isinstance(answer, str):
                raise InvalidValue(message("readers.hsm_text", found=type(answer).__name__), step=step) from error
            raw = self._driver.call("iReadCardBas_HSM_Step2", answer)
        return parse_basic(raw, layout=self._layout, encoding=self._driver.encoding)

    def _files(self, basic: DriverBasic, files: Mapping[str, Sequence[int]]) -> DriverFiles:
        """All at once; one by one what the driver refuses, or writes wrongly, together."""
        places = [(path, tag) for path, tags in files.items() for tag in tags or [WHOLE_FILE]]
        try:
            found = self._asked(basic, files)
        except CardLost:
            raise
        except SBCardError as error:
            found = DriverFiles({}, dict.fromkeys(places, error))
            if costs_a_try(error) or isinstance(error, _FINAL):
                return found
        if len(places) == 1:
            return found
        for path, tag in list(found.unread):
            try:
                alone = self._asked(basic, {path: [tag] if files[path] else []})
            except CardLost:
                raise
            except SBCardError as error:
                found.unread[path, tag] = error
                if costs_a_try(error) or isinstance(error, _FINAL):
                    break
                continue
            found.unread.pop((path, tag))
            found.unread.update(alone.unread)
            found.values.setdefault(path, {}).update(alone.values.get(path, {}))
        return found

    def _asked(self, basic: DriverBasic, files: Mapping[str, Sequence[int]]) -> DriverFiles:
        card, address = basic.card_info, file_address(files)
        raw = self._driver.call("iReadCard", int(self._interface), int(self._right), card, address)
        return parse_files(raw, files, encoding=self._driver.encoding)

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
        """Whether a card is there: reads it, and takes every answer but "no card" as one.

        Raises:
            PinWrong, UnexpectedStatus: the read cost a try of the card's key: asked again and again it would lock it.
        """
        try:
            self._driver.call("iReadCardBas", int(self._interface))
        except NoCard:
            return False
        except (CardRemoved, DriverRefused, CardError, UnexpectedStatus) as error:  # said of a card that is there
            if costs_a_try(error):
                raise
        return True

    def _connect(self, protocol: CardProtocol, exclusive: bool) -> WholeCard:
        if protocol is not CardProtocol.ANY or exclusive:
            raise NotSupported(message("readers.driver.chooses"), step="connect")
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
    encoding: str | None = None,
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
        encoding: of its texts, e.g. ``"utf-8"``; None is GB18030, refusing what can only be UTF-8.

    Raises:
        ReaderNotFound: no such file.
        InvalidValue: an encoding Python does not know.
    """
    guard = Guard(path, python=python, folder=folder, memory=memory, clock=clock)
    waits = {"iReadCard": HOLDER_SECONDS} if right is ReadRight.PIN else {}
    driver = Driver(guard, {**waits, **(limits or {})}, encoding)

    def connect() -> WholeCard:
        return WholeCard(driver, interface, layout, right, hsm)

    slot = SSCardSlot(driver, interface, connect, Path(path).name, clock)
    return SSCardReader(slot, driver, clock)
