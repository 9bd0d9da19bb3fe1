"""Harnesses for values and messages: numbers, names, GB 18030, bank files, APDUs, TLVs, answers to reset."""

import functools
from collections.abc import Callable, Hashable
from typing import Any

from apdu import psam, purse, tlv
from apdu.atr import ATR, historical_factor
from apdu.command import CommandAPDU
from apdu.response import ResponseAPDU
from sbcard_core.fields import (
    bank_card,
    card_number,
    citizen_id,
    foreign_resident,
    gb18030,
    identification_code,
    name,
    phone,
    region,
    social_credit,
    travel_permit,
)
from sbcard_core.hosts import bankfile
from tests.fuzz import laws
from tests.fuzz.engine import Harness

Verb = Callable[..., Any]
FIELDS: dict[str, tuple[Any, Callable[[list[str]], Any] | None]] = {
    "citizen_id": (citizen_id, functools.partial(citizen_id.check_many, on=citizen_id.date(2075, 12, 31))),
    "card_number": (card_number, card_number.check_many),
    "bank_card": (bank_card, bank_card.check_many),
    "social_credit": (social_credit, social_credit.check_many),
    "phone": (phone, phone.check_many),
    "foreign_resident": (
        foreign_resident,
        functools.partial(foreign_resident.check_many, on=citizen_id.date(2075, 12, 31)),
    ),
    "travel_permit": (travel_permit, travel_permit.check_many),
    "identification_code": (identification_code, identification_code.check_many),
    "name": (name, None),
}


_LENIENT = ("citizen_id", "bank_card", "name")
"""Their ``validate`` takes more than ``is_valid`` does: a Luhn digit is a warning, a private-use character passes."""


def numbers(data: bytes) -> Hashable:
    """One text through the four verbs of every number."""
    text = data[:300].decode("utf-8", "surrogateescape" if data[:1] == b"\xff" else "replace")
    outcome = []
    for key, (field, many) in FIELDS.items():
        right = field.is_valid(text)
        good, stored = laws.typed(lambda field=field: field.validate(text))
        outcome.append((key, right, good))
        assert good or not right, f"{key}: is_valid takes what validate refuses"
        if good:
            assert field.is_valid(stored) or key in _LENIENT, f"{key}: validate gives what is invalid"
            assert field.validate(stored) == stored, f"{key}: validate is not idempotent"
        if key != "name":
            written = laws.typed(lambda field=field: field.compact(text))
            assert written[0]
            assert field.compact(written[1]) == written[1], f"{key}: compact is not idempotent"
        laws.typed(lambda field=field: field.format(text))
        if many is not None:
            assert len(many([text, ""])) == 2
            assert many([text])[0] == many(["", text])[1]
    laws.typed(lambda: region.name_of(text))
    laws.typed(lambda: citizen_id.birth_date(text))
    laws.typed(lambda: citizen_id.kind(text))
    laws.typed(lambda: bank_card.issuer(text))
    laws.typed(lambda: travel_permit.holder(text))
    return tuple(outcome)


def _number_seeds() -> list[bytes]:
    right = laws.number(2)
    texts = [
        right, right.lower(), right[:6] + right[8:17], "610104620927690", "810000199408230021", "911398199012310021",
        "B00000019", "6228480010000000018", "91350100M000100Y43", "13800138000", "0731-84900001", "KAZ110090123105",
        "H1234567800", "430100D156000005" + "0" * 16, "买买提·阿不都", "４３０１０２１９４９１２３１００２Ｘ", "𠮷野",
    ]  # fmt: skip
    return [text.encode() for text in texts]


def names(data: bytes) -> Hashable:
    """One name: normalised once and for all, cut by bytes without half characters."""
    text = data[:200].decode("utf-8", "replace")
    changed = name.normalise(text)
    again = name.normalise(changed.name)
    assert again.name == changed.name, "normalise is not idempotent"
    assert name.repair(name.repair(text)) == name.repair(text)
    found = name.problems(text)
    for encoding in gb18030.Encoding:
        for most in (2, 7, 30, 50):
            short = laws.typed(lambda encoding=encoding, most=most: name.cut(text, most, encoding))
            if short[0]:
                assert text.startswith(short[1])
                assert name.fits(short[1], most, encoding), "cut gives what does not fit"
        laws.typed(lambda encoding=encoding: name.fits(text, 30, encoding))
    return frozenset(found), frozenset(changed.changes)


def gb(data: bytes) -> Hashable:
    """GB 18030 both ways."""
    outcome = []
    for encoding in gb18030.Encoding:
        try:
            text = gb18030.decode(data, encoding)
        except UnicodeDecodeError:
            outcome.append(False)
            continue
        outcome.append(True)
        good, raw = laws.typed(lambda text=text, encoding=encoding: gb18030.encode(text, encoding))
        if good:
            assert gb18030.decode(raw, encoding) == text, "a text changes on its way"
            assert gb18030.byte_length(text, encoding) == len(raw)
            if encoding is gb18030.Encoding.GB18030:
                assert raw == data, "bytes change on their way"
        else:
            assert gb18030.lacking(text, encoding)
        assert gb18030.modern(gb18030.modern(text)) == gb18030.modern(text)
        gb18030.private_use(text)
    return tuple(outcome)


def _gb_seeds() -> list[bytes]:
    texts = ["张三", "李珅", "㐂", "𠮷野", "\ue81e龴", "阿·龴"]
    return [text.encode("gb18030") for text in texts] + [
        b"\xa8\xbc",
        b"\xfe\x59",
        b"\x81\x35\xf4\x37",
        b"\x84\x31\xa4\x39",
    ]


_BANK_WORDS = (b"H|OPENRES|", b"\nD|", b"\nT|", b"|", b"00", laws.number(2).encode())


def bank(data: bytes) -> Hashable:
    """A bank's file of each kind."""
    mode, data = (data[0], data[1:]) if data else (0, b"")
    specs = list(bankfile.SPECS.values())
    spec = specs[mode % len(specs)]
    path = laws.file_of(data, ".txt")
    good, found = laws.typed(lambda: bankfile.read(path, spec))
    if not good:
        return str(found)
    laws.hides_numbers(repr(found))
    assert found.delivered == len(found.rows) + len(found.bad_lines) == data.rstrip(b" \t\r\n\0\x1a").count(b"\n") - 1
    assert all(len(row) == len(spec.line) for row in found.rows)
    places = sorted([*found.line_numbers, *(bad.line for bad in found.bad_lines)])
    assert places == list(range(2, found.delivered + 2)), "a line is lost"
    return frozenset(bad.code for bad in found.bad_lines), bool(found.rows)


def _bank_seeds() -> list[bytes]:
    made = []
    for at, spec in enumerate(bankfile.SPECS.values()):
        head = "|".join(["H", spec.kind, *(["2"] * (len(spec.header) - 1))])
        line = "|".join(["D", *(["1", laws.number(2), "张三"] * 3)[: len(spec.line)]])
        tail = "|".join(["T", *["2"] * len(spec.trailer)])
        made.append(bytes([at]) + "\n".join([head, line, line, tail, ""]).encode("gb18030"))
    return made


def command(data: bytes) -> Hashable:
    """Commands and answers on the wire."""
    good, value = laws.typed(lambda: CommandAPDU.decode(data))
    if good:
        assert value.encode() == data, "a command changes on its way"
        assert CommandAPDU.decode(value.encode()) == value
        assert data[5:].hex() not in repr(value) or len(data) < 9 or data[5:] in data[:4] * 2
    answered, answer = laws.typed(lambda: ResponseAPDU.decode(data))
    outcome = [good, answered]
    if answered:
        assert answer.encode() == data
        assert answer.sw.zh
        assert answer.sw.en
        outcome.append(laws.typed(lambda: answer.require("fuzz"))[0])
        for part in (purse.InitLoadResponse, purse.InitPurchaseResponse, purse.DebitResponse, psam.SamPurchaseResponse):
            outcome.append(laws.typed(lambda part=part: part.parse(answer.data))[0])
        outcome.append(laws.typed(lambda: purse.parse_balance(answer.data))[0])
    return tuple(outcome)


def objects(data: bytes) -> Hashable:
    """TLV objects and answers to reset."""
    good, nodes = laws.typed(lambda: tlv.parse_ber(data))
    outcome: list[Hashable] = [good]
    if good:
        flat = list(tlv.walk(nodes))
        assert len(flat) <= tlv.MAX_NODES
        again = tlv.parse_ber(b"".join(node.encode() for node in nodes))
        assert again == nodes, "objects change on their way"
        outcome.append(min(len(flat), 20))
    simple, pairs = laws.typed(lambda: tlv.parse_simple(data))
    if simple:
        assert tlv.parse_simple(b"".join(tlv.simple(tag, value) for tag, value in pairs)) == pairs
    atr, reset = laws.typed(lambda: ATR.parse(data))
    if atr:
        assert reset.raw == data
        assert len(reset.historical) <= 15
        laws.typed(lambda: historical_factor(data))
    return (*outcome, simple, atr)


_TLVS = [
    bytes.fromhex(text)
    for text in ("6F069F0C03860103", "0304322E3030", "3B6D000000814E43238660010203040506", "7F2104E002C000")
]
_WIRE = [bytes.fromhex(text) for text in (
    "00A40000023F00", "00B2010412", "00B2010400", "00A4000000000100", "00D600000001000100", "9000", "6983", "63C2",
    "000003E8000100000100010203049000", "0304322E30309000", "000000010001000000000102030405069000")]  # fmt: skip

HARNESSES = [
    Harness("numbers", numbers, _number_seeds, (b"X", b"x", "Ｘ".encode(), "１".encode(), b"\xff", b" ")),
    Harness(
        "names",
        names,
        lambda: [t.encode() for t in ("张三", "买买提·阿不都", "买买提.阿不都", "ABDUL KARIM", "张　三", "㐂𠮷\ue81e")],
        ("·".encode(), "•".encode(), "．".encode(), "\u200b".encode()),
    ),
    Harness("gb18030", gb, _gb_seeds, (b"\x81\x30\x81\x30", b"\xe3\x32\x9a\x35", b"\x80", b"\xff")),
    Harness("bankfile", bank, _bank_seeds, _BANK_WORDS),
    Harness("apdu", command, lambda: list(_WIRE), (b"\0\0\0", b"\x90\x00")),
    Harness("tlv", objects, lambda: list(_TLVS), (b"\x7f\x21", b"\x82\xff\xff", b"\x81\x80", b"\x3b\x8f", b"\x1f\x81")),
]
