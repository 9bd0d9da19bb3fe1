"""The card: commands and time of an authenticated basic read, and how fast personalisation orders are made.

The commands are the figure that counts: a real card takes some 10 to 50 ms for each. The time here is the host's
own share on a virtual card and PSAM, most of which is the two virtual devices computing.

    .venv/bin/python -m pytest benchmarks/test_card_read.py -s
"""

import random
from typing import Any

import pytest

from readers.sim.card import VirtualCard
from readers.sim.psam import VirtualPSAM
from readers.sim.settings import SimSettings
from sbcard_core.card.personalize import CardRequest, order_lines
from sbcard_core.card.profile import Profile
from sbcard_core.card.profiles.v1 import V1
from sbcard_core.card.profiles.v2 import SAMPLE, V2
from sbcard_core.card.profiles.v3 import V3
from sbcard_core.card.session import CardSession
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys

KEYS = MasterKeys.simulation(2014)
TRANSPORT = KEYS.get(KeyUsage.TRANSPORT)
BATCH = 2000
FEWEST = {"1.00": 15, "2.00": 16, "3.00": 18}
"""SELECT, one READ RECORD for each of 13 or 14 records, INTERNAL AUTHENTICATE; on 3.00 GET CHALLENGE and EXTERNAL."""


def requests(count: int) -> list[CardRequest]:
    """Cards of made-up holders, one after the other."""
    return [
        CardRequest(
            line, f"X{line:07d}9", "430100", line.to_bytes(4, "big"), b"\x86\x60" + line.to_bytes(6, "big"),
            f"430102198001{line % 28 + 1:02d}{line % 10000:04d}", "张珅", "1", "01", "19800101", "20140804", "20240804",
        )
        for line in range(1, count + 1)
    ]  # fmt: skip


def devices(profile: Profile, *, t0: bool) -> tuple[VirtualCard, VirtualPSAM]:
    """A card of a generation and the terminal's PSAM."""
    settings = SimSettings(get_response=t0)
    line = next(order_lines(requests(1), KEYS, TRANSPORT, profile=profile))
    if profile is V1:
        line["files"]["SSSE/EF06"] = [record for record in line["files"]["SSSE/EF06"] if not record.startswith("4E")]
    card = VirtualCard.from_order(line, TRANSPORT.material(), rng=random.Random(1).randbytes, settings=settings)
    roots = {usage.value: KEYS.get(usage).material() for usage in (KeyUsage.IRK, KeyUsage.RK_SSSE)}
    return card, VirtualPSAM(roots, bytes(6), rng=random.Random(2).randbytes, settings=settings)


@pytest.mark.parametrize("t0", [False, True], ids=["T=1", "T=0"])
@pytest.mark.parametrize("profile", [V1, V2, V3], ids=lambda profile: profile.name)
def test_authenticated_basic_read(benchmark: Any, profile: Profile, t0: bool) -> None:
    card, psam = devices(profile, t0=t0)
    count = FEWEST[profile.name] + (2 if t0 else 0)

    def read() -> CardSession:
        card.reset()
        session = CardSession(card, psam, profile=SAMPLE)
        session.read_authenticated(None)
        return session

    benchmark.group = "authenticated basic read (whole session)"
    session = benchmark(read)
    benchmark.extra_info["card_commands"] = session.apdu_count
    benchmark.extra_info["psam_commands"] = session.psam_count
    print(f"\n{profile.name} {'T=0' if t0 else 'T=1'}: {session.apdu_count} commands to the card, "
          f"{session.psam_count} to the PSAM")  # fmt: skip
    assert session.apdu_count == count


def test_personalisation_orders(benchmark: Any) -> None:
    cards = requests(BATCH)
    benchmark.group = "personalisation orders (batch)"
    benchmark.extra_info["cards"] = BATCH
    lines = benchmark(lambda: list(order_lines(cards, KEYS, TRANSPORT, profile=V2)))
    print(f"\n{BATCH / benchmark.stats.stats.median:,.0f} cards/s")
    assert len(lines) == BATCH
