"""Contexts of the PC/SC service, of which it gives few: each one taken is given back, whatever connecting comes to."""

from types import SimpleNamespace
from typing import Any

import pytest

from apdu.errors import CardLost
from readers import pcsc, pcsc_service
from readers.errors import Busy, NoCard, NotSupported, ReaderError, ReaderLost, ServiceLost

ATR = bytes.fromhex("3B6D000000814E43238660010203040506")
MUTE = 0x80100066


class Service(SimpleNamespace):
    """A service with one reader, a card in it, and the answers it is given."""

    SCARD_SCOPE_USER, SCARD_PROTOCOL_RAW = 0, 4

    def __init__(self) -> None:
        super().__init__(contexts=set(), made=0, connect=0, status=0, answer=b"\x90\x00", sent=0)
        self.names, self.connected = ["Reader 00 00"], list[str]()

    def SCardEstablishContext(self, _: int) -> tuple[int, int]:  # noqa: N802
        self.made += 1
        self.contexts.add(self.made)
        return 0, self.made

    def SCardReleaseContext(self, handle: int) -> int:  # noqa: N802
        self.contexts.remove(handle)
        return 0

    def SCardListReaders(self, *_: Any) -> tuple[int, list[str]]:  # noqa: N802
        return 0, self.names

    def SCardGetStatusChange(self, _: int, __: int, asked: list[Any]) -> tuple[int, list[Any]]:  # noqa: N802
        return 0, [(name, 0x220, []) for name, _ in asked]

    def SCardConnect(self, _: int, name: str, *__: Any) -> tuple[int, int, int]:  # noqa: N802
        self.connected.append(name)
        return self.connect if name in self.names else 0x80100009, 1, 1

    def SCardStatus(self, _: int) -> tuple[int, str, int, int, list[int]]:  # noqa: N802
        return self.status, "", 0, 1, list(ATR)

    def SCardTransmit(self, *_: Any) -> tuple[int, list[int]]:  # noqa: N802
        return self.sent, list(self.answer)

    def SCardDisconnect(self, *_: Any) -> int:  # noqa: N802
        return 0


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    made = Service()
    monkeypatch.setattr(pcsc_service, "binding", lambda: made)
    return made


def test_a_mute_card_that_is_waited_for_takes_no_contexts(service: Service) -> None:
    with pcsc.open("Reader") as reader:
        service.connect = MUTE - (1 << 32)
        with pytest.raises(NoCard):
            reader.connect(timeout=0.2)
        assert service.made > 3
        assert len(service.contexts) == 1  # the slot's own, by which it waits
    assert not service.contexts


@pytest.mark.parametrize(
    ("connect", "status", "kind"),
    [
        (0x8010000B, 0, Busy), (0x8010000C, 0, NoCard), (0x8010000F, 0, NotSupported), (0x80100069, 0, NoCard),
        (0x80100009, 0, ReaderLost), (0x8010001D, 0, ServiceLost), (0x80100004, 0, ReaderError),
        (0, 0x80100069, NoCard), (0, 0x80100017, ReaderLost),
    ],
)  # fmt: skip
def test_a_refused_connection_gives_its_context_back(
    service: Service, connect: int, status: int, kind: type[ReaderError]
) -> None:
    reader = pcsc.open("Reader")
    service.connect, service.status = connect, status
    with pytest.raises(kind):
        reader.connect()
    assert not service.contexts


def test_a_connection_gives_its_context_back_when_it_ends(service: Service) -> None:
    with pcsc.open("Reader") as reader:
        card = reader.connect()
        assert (card.transmit(bytes.fromhex("0084000008")), len(service.contexts)) == (b"\x90\x00", 1)
        service.answer = b""
        with pytest.raises(CardLost):
            card.transmit(bytes.fromhex("0084000008"))
        reader.connect()
        assert len(service.contexts) == 1
    assert not service.contexts


def test_a_command_that_failed_in_the_readers_driver_is_a_loss(service: Service) -> None:
    """0000001F comes from Windows drivers, 80100008 after an answer that is too long: the card may have acted."""
    for code in (0x1F, 0x16, 0x80100008, 0x8010000F, 0x80100004):
        card = pcsc.open("Reader").connect()
        service.sent = code
        with pytest.raises(CardLost) as lost:
            card.transmit(bytes.fromhex("0084000008"))
        assert lost.value.service_code == code  # type: ignore[attr-defined]
        service.sent = 0
        with pytest.raises(CardLost):  # and the connection is over
            card.transmit(bytes.fromhex("0084000008"))


def test_a_reader_that_was_there_all_along_is_not_another_one_plugged_in_again(service: Service) -> None:
    """Two readers of one model, card and PSAM: the holder's PIN never goes to the other one."""
    service.names = ["Reader 00 00", "Reader 01 00"]
    reader = pcsc.open("Reader 00")
    service.names = ["Reader 01 00"]
    with pytest.raises(ReaderLost):
        reader.connect()
    assert set(service.connected) == {"Reader 00 00"}
    service.names = ["Reader 01 00", "Reader 02 00"]
    assert reader.connect().transmit(bytes.fromhex("0084000008")) == b"\x90\x00"
    assert service.connected[-1] == "Reader 02 00"
