"""The PSAM as a key holder: what goes over the wire, and what its refusals become."""

from typing import Any

import pytest

from apdu.errors import CardLost, UnexpectedStatus
from readers.sim.faults import Fault, FaultKind, FaultyChannel
from readers.sim.psam import VirtualPSAM
from readers.sim.settings import SimSettings
from sbcard_core.crypto.errors import AssumptionNotSet, HolderFailed
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.psam_holder import PsamKeyHolder

TERMINAL = bytes.fromhex("430100000001")
CARD, CITY = bytes.fromhex("8649542600028141"), b"371700sx"


class Listening:
    """Records commands; answers from the PSAM behind, or what it is told."""

    def __init__(self, psam: VirtualPSAM, answers: dict[bytes, bytes] | None = None) -> None:
        self.psam, self.answers, self.heard = psam, answers or {}, []

    def transmit(self, command: bytes) -> bytes:
        self.heard.append(command)
        return self.answers.get(command[:2]) or self.psam.transmit(command)


def virtual(**how: Any) -> VirtualPSAM:
    keys = {"RK_SSSE": bytes(range(16)), "UK_SSSE": bytes(16), "IRK": b"\x07" * 16, "DPK": b"\x01" * 16}
    return VirtualPSAM(keys, TERMINAL, rng=bytes, settings=SimSettings(**how))


@pytest.mark.parametrize(("classic", "head"), [(False, "BFDE480A18"), (True, "801A480A18")])
def test_the_wire_has_the_card_first(classic: bool, head: str) -> None:
    channel = Listening(virtual())
    PsamKeyHolder(channel, classic=classic).cryptogram_many(KeyUsage.RK_SSSE, CITY + CARD, b"process!", b"original")
    select, prepare, crypt = channel.heard
    assert select.hex().upper().startswith("00A4040006D15600000590")
    assert prepare == bytes.fromhex(head) + CARD + CITY + b"process!"
    assert crypt[:13] == bytes.fromhex("80FA000008") + b"original"


def test_levels_on_the_wire() -> None:
    channel = Listening(virtual())
    holder = PsamKeyHolder(channel)
    one = holder.cryptogram_many(KeyUsage.UK_SSSE, CARD, bytes(8), bytes(8), levels=1)
    assert channel.heard[1][:5] == bytes.fromhex("BFDE281210")
    assert len(one) == 8
    assert holder.terminal_number() == TERMINAL


def test_a_key_number_that_is_not_public_must_be_set() -> None:
    with pytest.raises(AssumptionNotSet, match="IRK"):
        PsamKeyHolder(virtual()).cryptogram_many(KeyUsage.IRK, CITY + CARD, bytes(8), bytes(8))


def test_refusals_carry_the_status_word() -> None:
    with pytest.raises(UnexpectedStatus, match="6A82"):
        PsamKeyHolder(Listening(virtual(), {b"\x00\xa4": b"\x6a\x82"}))
    holder = PsamKeyHolder(virtual(), key_ids={KeyUsage.STK: 0x55})
    with pytest.raises(UnexpectedStatus, match="6A88"):
        holder.cryptogram_many(KeyUsage.STK, CITY + CARD, bytes(8), bytes(8))
    short = PsamKeyHolder(Listening(virtual(), {b"\x80\xfa": b"\x01\x02\x90\x00"}))
    with pytest.raises(HolderFailed, match="2 bytes"):
        short.cryptogram_many(KeyUsage.RK_SSSE, CITY + CARD, bytes(8), bytes(8))


def test_answers_behind_61xx_are_fetched() -> None:
    plain = PsamKeyHolder(virtual()).cryptogram_many(KeyUsage.RK_SSSE, CITY + CARD, bytes(8), bytes(8))
    channel = Listening(virtual(get_response=True))
    assert PsamKeyHolder(channel).cryptogram_many(KeyUsage.RK_SSSE, CITY + CARD, bytes(8), bytes(8)) == plain
    assert channel.heard[-1][1] == 0xC0


def test_a_lost_psam_is_an_error_of_the_channel() -> None:
    holder = PsamKeyHolder(FaultyChannel(virtual(), {4: Fault(FaultKind.LOST_AFTER)}))
    with pytest.raises(CardLost):
        holder.cryptogram_many(KeyUsage.RK_SSSE, (CITY + CARD) * 3, bytes(24), bytes(24))
