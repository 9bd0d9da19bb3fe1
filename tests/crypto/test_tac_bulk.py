"""Bulk TAC verification: one status per record, order kept, nothing raised for one bad record."""

from datetime import datetime

import pytest
from Crypto.Cipher import DES, DES3
from gmssl.sm4 import SM4_ENCRYPT, CryptSM4
from hypothesis import given, settings
from hypothesis import strategies as st

from sbcard_core.crypto import diversify, tac
from sbcard_core.crypto.errors import AssumptionNotSet, KeyRefused, TacMismatch
from sbcard_core.crypto.keys import Algorithm, KeyUsage, SecretKey
from sbcard_core.crypto.rules import PurseRules, Sm4TacRule
from sbcard_core.crypto.tac import TacStatus
from sbcard_core.errors import InvalidValue

CITY = SecretKey(bytes(range(16)), KeyUsage.DTK)
FATES = ("good", "tac", "message", "short tac", "long message", "other card")


def computed(factor: bytes, message: bytes) -> bytes:
    """The TAC by another library, step by step: card key, its halves XORed, CBC-MAC with padding 80."""
    master = DES3.new(CITY.material(), DES3.MODE_ECB)
    left, right = master.encrypt(factor), master.encrypt(bytes(byte ^ 0xFF for byte in factor))
    key = bytes(a ^ b for a, b in zip(left, right, strict=True))
    padded = message + b"\x80" + bytes(-(len(message) + 1) % 8)
    return DES.new(key, DES.MODE_CBC, bytes(8)).encrypt(padded)[-8:-4]


def record(number: int, fate: str) -> tuple[bytes, bytes, bytes, TacStatus]:
    """Factor, message, TAC and the status that must come out."""
    factor = number.to_bytes(8, "big")
    message = tac.purchase_message(100 + number, 6, "430100000001", number, "20140731120000")
    made = computed(factor, message)
    match fate:
        case "tac":
            return factor, message, bytes((made[0] ^ 1,)) + made[1:], TacStatus.MISMATCH
        case "message":
            return factor, bytes((message[0] ^ 1,)) + message[1:], made, TacStatus.MISMATCH
        case "short tac":
            return factor, message, made[:3], TacStatus.MALFORMED
        case "long message":
            return factor, message + b"\x00", made, TacStatus.MALFORMED
        case "other card":
            return (number + 1).to_bytes(8, "big"), message, made, TacStatus.MISMATCH
    return factor, message, made, TacStatus.VERIFIED


@given(st.lists(st.sampled_from(FATES), max_size=12))
@settings(max_examples=40)
def test_each_record_has_its_own_status_in_order(fates: list[str]) -> None:
    rows = [record(number, fate) for number, fate in enumerate(fates)]
    got = tac.verify_many(CITY, b"".join(r[0] for r in rows), [r[1] for r in rows], [r[2] for r in rows])
    assert got == [r[3] for r in rows]


def test_bulk_and_scalar_agree() -> None:
    """Each TAC by itself and all of them in one call: the same verdict, right, wrong and short ones alike."""
    rows = [record(number, fate) for number in range(40) for fate in FATES[:4]]
    rows += [(f, m, t[:size], TacStatus.MALFORMED) for size in (0, 3) for f, m, t, _ in rows[:1]]
    rows += [(f, m, bytes((t[0] ^ 0x80,)) + t[1:], TacStatus.MISMATCH) for f, m, t, _ in rows[:1]]
    bulk = tac.verify_many(CITY, b"".join(r[0] for r in rows), [r[1] for r in rows], [r[2] for r in rows])
    for (factor, message, made, wanted), status in zip(rows, bulk, strict=True):
        assert status is wanted
        dtk = diversify.derive(CITY, factor)
        if status is TacStatus.VERIFIED:
            tac.verify(dtk, message, made)
            assert tac.compute(dtk, message) == made
        else:
            with pytest.raises(TacMismatch):
                tac.verify(dtk, message, made)


def sm4_tac(factor: bytes, message: bytes) -> bytes:
    """By another library: the card key, the chain over padded blocks, the last block's four words XORed."""
    crypt = CryptSM4()

    def block(key: bytes, data: bytes) -> bytes:
        crypt.set_key(key, SM4_ENCRYPT)
        return bytes(crypt.one_round(crypt.sk, list(data)))

    card = block(CITY.material(), factor + bytes(byte ^ 0xFF for byte in factor))
    state, padded = bytes(16), message + b"\x80" + bytes(-(len(message) + 1) % 16)
    for at in range(0, len(padded), 16):
        state = block(card, bytes(a ^ b for a, b in zip(state, padded[at : at + 16], strict=True)))
    words = [int.from_bytes(state[at : at + 4], "big") for at in (0, 4, 8, 12)]
    return (words[0] ^ words[1] ^ words[2] ^ words[3]).to_bytes(4, "big")


@given(st.lists(st.sampled_from(["good", "tac", "message", "short tac", "other card"]), max_size=8))
@settings(max_examples=30)
def test_sm4_records_have_their_own_status_each(fates: list[str]) -> None:
    city = SecretKey(CITY.material(), KeyUsage.DTK, Algorithm.SM4)
    rules = PurseRules(sm4_tac=Sm4TacRule.WHOLE_KEY_FOLD)
    rows = []
    for number, fate in enumerate(fates):
        factor, message = number.to_bytes(8, "big"), record(number, "good")[1]
        made = sm4_tac(factor, message)
        wanted = TacStatus.MISMATCH
        match fate:
            case "good":
                wanted = TacStatus.VERIFIED
            case "tac":
                made = made[:3] + bytes((made[3] ^ 1,))
            case "message":
                message = message[:-1] + bytes((message[-1] ^ 1,))
            case "short tac":
                made, wanted = made[:3], TacStatus.MALFORMED
            case _:
                factor = (number + 100).to_bytes(8, "big")
        rows.append((factor, message, made, wanted))
    got = tac.verify_many(city, b"".join(r[0] for r in rows), [r[1] for r in rows], [r[2] for r in rows], rules=rules)
    assert got == [r[3] for r in rows]


def test_a_wrong_call_raises() -> None:
    with pytest.raises(InvalidValue):
        tac.verify_many(CITY, bytes(8), [bytes(22)] * 2, [bytes(4)] * 2)
    with pytest.raises(InvalidValue):
        tac.verify_many(CITY, bytes(16), [bytes(22)] * 2, [bytes(4)])
    with pytest.raises(KeyRefused):
        tac.verify_many(SecretKey(bytes(16), KeyUsage.DPK), bytes(8), [bytes(22)], [bytes(4)])
    with pytest.raises(AssumptionNotSet):
        tac.verify_many(SecretKey(bytes(16), KeyUsage.DTK, Algorithm.SM4), bytes(8), [bytes(22)], [bytes(4)])


def test_a_moment_with_a_zone_is_the_same_moment_in_china() -> None:
    written = [
        tac.purchase_message(1, 6, "430100000001", 7, at)
        for at in (
            "20140731080509",
            datetime.fromisoformat("2014-07-31T08:05:09+08:00"),
            datetime.fromisoformat("2014-07-31T00:05:09+00:00"),
            datetime.fromisoformat("2014-07-30T19:05:09-05:00"),
        )
    ]
    assert len(set(written)) == 1


def test_the_three_ways_to_write_a_moment_agree() -> None:
    forms = (datetime(2014, 7, 31, 8, 5, 9), "20140731080509", bytes.fromhex("20140731080509"))  # noqa: DTZ001
    messages = {tac.purchase_message(1, 6, bytes.fromhex("430100000001"), 7, form) for form in forms}
    assert [message.hex() for message in messages] == ["00000001064301000000010000000720140731080509"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": -1},
        {"amount": 1 << 32},
        {"amount": True},
        {"amount": 1.0},
        {"type": 256},
        {"terminal": "43010000000"},
        {"terminal": "43010000000G"},
        {"terminal_txn_no": 1 << 32},
        {"datetime": "2014073108050"},
        {"datetime": "2014073108050A"},
    ],
)
def test_a_message_that_does_not_fit_is_refused(wrong: dict[str, object]) -> None:
    fields = {"amount": 1, "type": 6, "terminal": "430100000001", "terminal_txn_no": 1, "datetime": "20140731080509"}
    with pytest.raises(InvalidValue, match=next(iter(wrong))):
        tac.purchase_message(**{**fields, **wrong})  # type: ignore[arg-type]
