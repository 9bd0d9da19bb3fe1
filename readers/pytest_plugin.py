"""pytest fixtures for whoever writes code against cards and terminals: virtual card, PSAM, reader, terminal.

Installed with the package; nothing is imported until a test asks. A marker says what kind of card::

    @pytest.mark.sbcard(name="李四", version="3.00", balance_fen=5000, kind="pos")
    def test_a_purchase(virtual_terminal): ...
"""

from typing import Any

import pytest

_KINDS = ("medical", "pos", "atm", "phone")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--sbcard-seed``: keys and random numbers of the virtual devices."""
    parser.getgroup("sbcard").addoption("--sbcard-seed", type=int, default=1, help="seed of virtual cards and PSAMs")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "sbcard(name, version, balance_fen, account_no, kind): the virtual card, and the kind of terminal "
        f"({', '.join(_KINDS)})",
    )


def _wanted(request: pytest.FixtureRequest) -> dict[str, Any]:
    marker = request.node.get_closest_marker("sbcard")
    return dict(marker.kwargs) if marker is not None else {}


@pytest.fixture
def virtual_desk(request: pytest.FixtureRequest) -> Any:
    """A :class:`readers.sim.desk.Desk`: card, PSAM, PIN pad and centre of one visit, new for every test."""
    from readers.sim.desk import Desk  # noqa: PLC0415

    wanted = _wanted(request)
    wanted.pop("kind", None)
    return Desk(request.config.getoption("--sbcard-seed"), **wanted)


@pytest.fixture
def virtual_card(virtual_desk: Any) -> Any:
    """A :class:`readers.sim.card.VirtualCard` with the initial PIN 123456."""
    return virtual_desk.card


@pytest.fixture
def virtual_psam(virtual_desk: Any) -> Any:
    """The :class:`readers.sim.psam.VirtualPSAM` that the card trusts."""
    return virtual_desk.psam


@pytest.fixture
def virtual_reader(virtual_card: Any) -> Any:
    """A :class:`readers.sim.reader.VirtualReader` with the card in it; ``remove`` and ``insert`` are the hand."""
    from readers.sim.reader import VirtualReader  # noqa: PLC0415

    return VirtualReader("virtual", virtual_card)


@pytest.fixture
def virtual_bank(virtual_desk: Any, request: pytest.FixtureRequest) -> Any:
    """A :class:`readers.sim.bank.SimBank` that holds 1,000 yuan for the card's account; its PIN is 246810."""
    from readers.sim.bank import SimBank  # noqa: PLC0415

    account = _wanted(request).get("account_no", "")
    return SimBank({account: 100_000}, {account: "246810"}, virtual_desk.roots["IRK"])


@pytest.fixture
def virtual_terminal(virtual_desk: Any, virtual_bank: Any, request: pytest.FixtureRequest) -> Any:
    """A terminal with the card in it: medical unless the marker names another ``kind``; assumptions are samples.

    The pad types 123456 as the old PIN and 246810 as any other, so a visit that pays begins with
    ``virtual_terminal.change_initial_pin()``.
    """
    from readers.atm import ATMTerminal  # noqa: PLC0415
    from readers.journal import MemoryJournal  # noqa: PLC0415
    from readers.medical import MedicalTerminal  # noqa: PLC0415
    from readers.phone import PhoneTerminal  # noqa: PLC0415
    from readers.pos import POSTerminal  # noqa: PLC0415
    from readers.sim.bank import SimDispenser  # noqa: PLC0415
    from sbcard_core.card.profiles.v2 import SAMPLE  # noqa: PLC0415

    desk, kind = virtual_desk, _wanted(request).get("kind", "medical")
    devices = (desk.card, desk.psam, desk.pin_pad)
    match kind:
        case "medical":
            return MedicalTerminal(*devices, desk.centre, profile=SAMPLE)
        case "pos":
            return POSTerminal(*devices, profile=SAMPLE)
        case "atm":
            return ATMTerminal(*devices, virtual_bank, SimDispenser(), MemoryJournal(), profile=SAMPLE)
        case "phone":
            return PhoneTerminal(*devices, virtual_bank, MemoryJournal(), profile=SAMPLE)
    raise pytest.UsageError(f"kind {kind!r} is none of {', '.join(_KINDS)}")
