"""Tables of the standards as this library has them, held against the standards' own rows."""

import pytest

from apdu import ATR, CardLost, CommandAPDU, Exchange, ReplayChannel, StatusCategory, StatusWord, purse
from apdu import instructions as iso
from apdu.atr import CardHistorical
from apdu.catalogue import INSTRUCTIONS, plain_class
from apdu.chaining import join, split
from apdu.errors import ChainingRefused, ClassRefused
from apdu.trace import redacted
from sbcard_core.errors import InvalidValue

FI = {0: 372, 1: 372, 2: 558, 3: 744, 4: 1116, 5: 1488, 6: 1860, 9: 512, 10: 768, 11: 1024, 12: 1536, 13: 2048}
DI = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 6: 32, 7: 64, 8: 12, 9: 20}
"""ISO/IEC 7816-3:2006 tables 7 and 8; codes that are not here are reserved."""


@pytest.mark.parametrize("ta1", range(256))
def test_clock_and_baud_rate_of_every_ta1(ta1: int) -> None:
    atr = ATR.parse(bytes((0x3B, 0x10, ta1)))
    assert (atr.clock_rate, atr.baud_rate) == (FI.get(ta1 >> 4), DI.get(ta1 & 15))
    assert (ATR.parse(b"\x3b\x00").clock_rate, ATR.parse(b"\x3b\x00").baud_rate) == (372, 1)


VENDORS = {0x0081: "华大", 0x0085: "华虹", 0x0087: "大唐", 0x0090: "复旦微"}
"""Chip vendors by the first two historical bytes, as one public page lists them."""


@pytest.mark.parametrize("chip", [*VENDORS, 0x0080, 0x0086, 0x008C, 0x0096, 0x8100])
def test_a_chip_vendor_is_named_where_a_source_names_it(chip: int) -> None:
    found = CardHistorical.parse(chip.to_bytes(2, "big") + bytes(11))
    assert (found.chip, found.chip_vendor) == (chip, VENDORS.get(chip, ""))


C = StatusCategory
WORDS = {
    C.OK: [0x9000],
    C.MORE_DATA: [0x6100, 0x6108, 0x61FF],
    C.WRONG_LE: [0x6C00, 0x6C08, 0x6CFF],
    C.TRIES: [0x63C0, 0x63C3, 0x63CF],
    C.BLOCKED: [0x6983, 0x6A81, 0x9303],
    C.SECURITY: [0x6300, 0x6982, 0x6984, 0x6985, 0x6987, 0x6988, 0x9302, 0x9406],
    C.NOT_FOUND: [0x6A82, 0x6A83, 0x6A88, 0x9403],
    C.MONEY: [0x9301, 0x9401, 0x9402, 0x9408],
    C.WRONG_COMMAND: [
        *[0x6700, 0x6800, 0x6881, 0x6882, 0x6883, 0x6884, 0x6900, 0x6901, 0x6981, 0x6986, 0x6A80, 0x6A85, 0x6A86],
        *[0x6A87, 0x6B00, 0x6D00, 0x6E00],
    ],
    C.MEMORY: [0x6500, 0x6581, 0x6A84],
    C.WARNING: [0x6200, 0x6281, 0x6282, 0x6283, 0x6284, 0x6285, 0x6381, 0x62F0, 0x6310],
    C.OTHER: [0x6400, 0x6A89, 0x6A8A, 0x6F00, 0x0000, 0x6000, 0x9001, 0x9F77, 0xFFFF, 0x6401, 0x6501],
}


@pytest.mark.parametrize(
    ("category", "word"), [(category, word) for category, words in WORDS.items() for word in words]
)
def test_what_a_status_word_asks_for(category: StatusCategory, word: int) -> None:
    sw = StatusWord(word)
    assert sw.category is category
    assert (sw.sw1, sw.sw2, sw.is_ok, sw.driver_code) == (
        word >> 8,
        word & 255,
        word == 0x9000,
        -word * (word != 0x9000),
    )
    tries = {0x6983: 0, **{0x63C0 + left: left for left in range(16)}}.get(word)
    assert sw.tries_left == tries
    named = {C.MORE_DATA, C.WRONG_LE, C.TRIES}
    if category in named:
        count = word & (15 if category is C.TRIES else 255)
        shown = count if category is C.TRIES else count or 256
        assert (str(shown) in sw.en, str(shown) in sw.zh) == (True, True)


def test_every_known_word_has_words_of_its_own_in_both_languages() -> None:
    known = [StatusWord(word) for words in WORDS.values() for word in words]
    named = [sw for sw in known if sw.en not in ("unknown status", "warning")]
    unnamed = {sw.value for sw in known} - {sw.value for sw in named}
    assert unnamed == {0x62F0, 0x6310, 0x0000, 0x6000, 0x9001, 0x9F77, 0xFFFF, 0x6401, 0x6501}
    assert len({sw.value for sw in named}) == len(named)
    assert all(sw.zh != sw.en and not sw.zh.isascii() for sw in named)


@pytest.mark.parametrize("word", [-1, 0x10000])
def test_a_status_word_is_two_bytes(word: int) -> None:
    with pytest.raises(InvalidValue, match="two bytes"):
        StatusWord(word)


def test_what_is_recorded_of_no_command_in_a_trace() -> None:
    """Whatever carries a PIN, a key or a MAC key's use; everything else on the list may be recorded."""
    hidden = {
        "VERIFY user PIN (PKI)", "VERIFY admin PIN (PKI)", "VERIFY PIN", "CHANGE PIN", "RELOAD PIN", "PIN UNBLOCK",
        "PIN RELOAD", "APPLICATION BLOCK", "APPLICATION UNBLOCK", "CARD BLOCK", "HASH PIN (PKI)", "UPDATE KEY (PKI)",
    }  # fmt: skip
    assert {one.en for one in INSTRUCTIONS if not one.recorded} == hidden


@pytest.mark.parametrize("cla", range(256))
def test_the_plain_class_of_every_class(cla: int) -> None:
    """ISO/IEC 7816-4:2013 5.4.1: channel, chaining and secure messaging are bits of 0x, 1x, 4x-7x and 8x, 9x."""
    first = cla >> 4
    known = first in (0, 1, 4, 5, 6, 7, 8, 9)
    assert plain_class(cla) == (cla & 0x80 if known else cla)


@pytest.mark.parametrize("cla", [0x00, 0x80, 0x84, 0x0F, 0x40])
def test_a_chain_is_joined_and_a_proprietary_class_has_none(cla: int) -> None:
    command = CommandAPDU(cla, 0xD6, 0x81, 0, bytes(600), 8)
    assert join(split(command, 200)) == command
    for proprietary in (0xA0, 0xB0, 0xFF):
        part = CommandAPDU(proprietary, 0xD6, 0x81, 0, b"x")
        assert join([part]) is part
        with pytest.raises((ChainingRefused, ClassRefused)):
            join([part, part])


def test_numbers_of_keys_and_kinds_of_transactions() -> None:
    """EXTERNAL AUTHENTICATE's P2 and the type byte of a purse's transactions, as the sources print them."""
    assert (iso.KID_READ_EF06, iso.KID_WRITE_SSSE) == (0x0A, 0x04)
    assert iso.external_authenticate(iso.KID_WRITE_SSSE, bytes(8), bytes(8)).p2 == 0x04
    kinds = [int(kind) for kind in purse.TransactionType]
    assert kinds == [1, 2, 3, 4, 5, 6, 7, 9]
    assert purse.init_load(1, 1, bytes(6)).p1 == 0


def test_a_proof_shows_neither_mac_nor_tac() -> None:
    proof = purse.TransactionProof.parse(b"MAC4TAC4")
    assert (proof.mac, proof.tac) == (b"MAC4", b"TAC4")
    assert "MAC4" not in repr(proof)
    assert "TAC4" not in repr(proof)


def test_a_redacted_trace_keeps_what_may_be_read() -> None:
    """The answer of a recorded instruction, the status word of any other, and that a card was lost."""
    rows = [
        ("00B2010C05", "0304322E30309000", "0304322E30309000"),
        ("0020000003123456", "63C2", "63C2"),
        ("80C4010305C10312345600", "0102039000", "0000009000"),
        ("80C4010305C10312345600", "AA9000", "009000"),
        ("0084000008", "90", "90"),
        ("0084000008", None, None),
    ]
    opened = [Exchange(bytes.fromhex(sent), None if got is None else bytes.fromhex(got)) for sent, got, _ in rows]
    clean = list(redacted(opened, lambda exchange: exchange))
    assert [one.answer for one in clean] == [None if kept is None else bytes.fromhex(kept) for *_, kept in rows]
    assert b"\x12\x34\x56" not in b"".join(one.command or b"" for one in clean)
    for cut in (b"", b"\x90", None):
        with pytest.raises(CardLost):
            ReplayChannel([Exchange(bytes.fromhex("0084000008"), cut)]).transmit(bytes.fromhex("0084000008"))
