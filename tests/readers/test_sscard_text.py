"""Texts of the driver interface: split, decoded, and the shape of every item checked."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readers.errors import AnswerMalformed
from readers.sscard_files import WHOLE_FILE, DriverFiles, file_address, parse_files
from readers.sscard_items import BASIC_ITEMS, STATUS_FIRST, Items, parse_basic, parse_items
from readers.sscard_text import decode
from sbcard_core.card.basic import CardBasic
from tests.readers.driver_line import LINE


def test_decoded_before_split() -> None:
    """珅 is AB 7C: split as bytes, the name would end in its middle and everything behind it move."""
    raw = LINE.encode("gb18030") + b"\x00"
    assert raw.count(b"|") == LINE.count("|") + 1
    assert parse_basic(raw).name == "李珅"


def test_what_the_field_does_is_tolerated() -> None:
    items = LINE[:-1].split("|")
    padded = "|".join(item + "  " for item in items)  # no last bar either
    assert parse_basic(padded.encode("gb18030") + b"\x00").card_no == "X00000019"
    assert parse_basic("|".join(items[:9]).encode("gb18030") + b"\x00").terminal_no == ""
    more = "|".join([*items, "PSAM1", "医1", "F", "2.0"])
    assert parse_basic(more.encode("gb18030") + b"\x00").extra == ("PSAM1", "医1", "F", "2.0")
    with_status = parse_basic(f"0|{LINE}许可号|".encode("gb18030") + b"\x00", layout=STATUS_FIRST)
    assert (with_status.region, with_status.extra) == ("639900", ("0", "许可号"))
    with pytest.raises(AnswerMalformed, match="8 items"):
        parse_basic("|".join(items[:8]).encode("gb18030") + b"\x00")


@given(st.binary(max_size=1100))
def test_any_answer_is_parsed_or_a_typed_error(raw: bytes) -> None:
    for parse in (parse_basic, lambda data: parse_files(data, {"SSSE/EF05": [1, 2]})):
        try:
            parse(raw)
        except AnswerMalformed as error:
            assert error.step  # noqa: PT017 - most inputs are errors, not all


ITEM = st.text(st.characters(codec="gb18030", exclude_characters="|$\x00\r\n\t \ufeff\uffff"), min_size=1, max_size=12)


@given(st.lists(ITEM, min_size=1, max_size=15))
def test_items_come_back(items: list[str]) -> None:
    raw = "".join(f"{item}|" for item in items).encode("gb18030") + b"\x00\xff"
    assert parse_items(raw, [], least=1, step="", encoding="gb18030") == Items({}, items)


@given(st.dictionaries(st.integers(1, 255), ITEM | st.just(""), min_size=1, max_size=6))
def test_files_come_back(values: dict[int, str]) -> None:
    files = {"SSSE/EF05": list(values)}
    answer = "SSSEEF05|" + "".join(f"{value}|" for value in values.values()) + "$"
    found = parse_files(answer.encode("gb18030") + b"\x00", files, encoding="gb18030")
    assert (found.values, found.unread) == ({"SSSE/EF05": values}, {})
    assert file_address(files).count("|") == 1 + len(values)


def answer(name: bytes, **changed: str) -> bytes:
    """The whole answer of ``iReadCardBas`` with the bytes of a name as a driver copies them off the card."""
    items = [item.encode("gb18030") for item in LINE[:-1].split("|")]
    items[4] = name
    for key, value in changed.items():
        items[BASIC_ITEMS.index(key)] = value.encode("gb18030")
    return b"|".join(items) + b"|\x00"


ZHANG_HALF = bytes.fromhex("D5C5C8")


def test_a_name_cut_in_half_moves_no_item_behind_it() -> None:
    basic = parse_basic(answer(ZHANG_HALF, version="3.00"))
    assert (basic.name, basic.version, basic.expires_on) == ("张", "3.00", "20201001")
    assert basic.atr.hex().upper() == "3B6D000000814E43238697159900BF7C7A"
    whole = parse_basic(answer("李珅".encode("gb18030")))  # here the 7C is the second byte of 珅
    assert (whole.name, whole.version) == ("李珅", "1.00")
    cut = b"SSSEEF06|" + ZHANG_HALF + b"|111111198101011110|$\x00"
    assert parse_files(cut, {"SSSE/EF06": [9, 8]}).values["SSSE/EF06"] == {9: "张", 8: "111111198101011110"}
    either = parse_files(b"SSSEEF06|" + ZHANG_HALF + b"|$\x00", {"SSSE/EF06": [9]})
    assert "two ways" in str(either.unread["SSSE/EF06", 9])  # 张 cut in half, or 张葇 without the last bar
    assert not either.values.get("SSSE/EF06")


NAMES = st.text(st.characters(codec="gb18030", min_codepoint=0x3400, max_codepoint=0x2FFFF), min_size=1, max_size=14)


@given(NAMES | st.text(st.sampled_from("珅璗鍇張李|·".replace("|", "")), min_size=1, max_size=15), st.integers(0, 30))
def test_wherever_a_name_is_cut_the_answer_is_right_or_refused(name: str, size: int) -> None:
    raw = name.encode("gb18030")
    try:
        basic = parse_basic(answer(raw[:size]), encoding="gb18030")
    except AnswerMalformed:
        assert size < len(raw)  # what is whole is never refused
        return
    assert name.startswith(basic.name)
    assert (basic.version, basic.issued_on, basic.device_no) == ("1.00", "20101001", "终端设备号")
    assert len(basic.name.encode("gb18030")) > min(size, len(raw)) - 4


def test_whole_text_with_a_bar_inside_a_character_is_read_plainly() -> None:
    """Where the plain reading fits, no other one is looked for, also if it fits too."""
    text = LINE.replace("终端设备号", "终端珅") + "附加项|"
    basic = parse_basic(text.encode("gb18030") + b"\x00")
    assert (basic.name, basic.device_no, basic.extra) == ("李珅", "终端珅", ("附加项",))
    loose = parse_items("李珅|甲|乙|".encode("gb18030") + b"\x00", ("name", "one"), least=2, step="")
    assert loose == Items({"name": "李珅", "one": "甲"}, ["乙"])


MINISTRY = "111111198101011110|X00000019|{region}D15600000500BF7C7A48FB4966|张三|00814E43238697159900BF7C7A|{version}|"


@pytest.mark.parametrize(
    ("rest", "device_no", "extra"),
    [
        (
            "20101001|20201001|410100813475|MT170701000006|3B7D940000008150220886431E10C9022736|"
            "%GALJGMJKASUKZIUNIHKD?;07890592745347567832?| 5f2ab04d6d289495b7b14ec9a9602a23|V0.1|    ",
            "MT170701000006",
            4,
        ),
        (
            "20221116|20321116|320200909173|00010100202111010884|JSB045526778|6210000000000000018|",
            "00010100202111010884",
            2,
        ),
        ("20160919|20260919|440300907950|00041186201603000534440300907950", "00041186201603000534440300907950", 0),
        ("20160919|20260919|HDOS1001120170609320000000000000|1|", "1", 0),
    ],
)
def test_regional_answers_as_public_programs_show_them(rest: str, device_no: str, extra: int) -> None:
    """Their forms, with the ministry's sample person in them."""
    whole = "320200|" + MINISTRY.format(region="320200", version="3.00") + rest
    basic = parse_basic(whole.encode("gb18030") + b"\x00")
    assert (basic.name, basic.device_no, len(basic.extra)) == ("张三", device_no, extra)


@pytest.mark.parametrize("padding", [b"\xff" * 10, b"  ", b"\xff" * 6 + b" "])
def test_padding_inside_an_item_is_removed(padding: bytes) -> None:
    basic = parse_basic(answer("张三".encode("gb18030") + padding, terminal_no="410100813475  ") + b"rest")
    assert (basic.name, basic.terminal_no, basic.version) == ("张三", "410100813475", "1.00")
    with_end = answer("张三".encode("gb18030"))[:-1] + b"\r\n\x00"
    assert parse_basic(with_end).extra == ()


def test_utf8_is_refused_by_name_or_read_as_asked_for() -> None:
    raw = LINE.replace("李珅", "张三").encode("utf-8") + b"\x00"
    with pytest.raises(AnswerMalformed, match="UTF-8") as refused:
        parse_basic(raw)
    assert "encoding" in refused.value.advice
    assert parse_basic(raw, encoding="utf-8").name == "张三"
    assert parse_basic(LINE.encode("gb18030") + b"\x00", encoding="gbk").name == "李珅"


ODD = [
    ("version", "20101001"), ("version", "V3.00"), ("version", "3.0.0"), ("issued_on", "1.00"),
    ("issued_on", "2010-10-01"), ("expires_on", "2020"), ("expires_on", "长期"), ("card_no", "卡号"),
    ("card_no", "X0000001"), ("region", "长沙"), ("region", "43010"), ("reset_info", "0081Z"), ("reset_info", "008"),
    ("id_number", "李珅"), ("name", "00814E43238697159900BF7C7A"), ("terminal_no", "终端?"),
]  # fmt: skip


@pytest.mark.parametrize(("item", "value"), ODD)
def test_an_item_of_another_shape_costs_itself_and_is_named(item: str, value: str) -> None:
    """Also behind items that are no text, and in the longer answers of some regions."""
    whole = parse_basic(LINE.encode("gb18030") + b"\x00")
    for more in ("", "PSAM1|医1|F|2.0|"):
        items = LINE[:-1].split("|")
        items[BASIC_ITEMS.index(item)] = value
        basic = parse_basic(f"{'|'.join(items)}|{more}".encode("gb18030") + b"\x00")
        assert list(basic.unread) == [item]
        assert getattr(basic, item) == ""
        others = set(BASIC_ITEMS) - {item}
        assert [getattr(basic, name) for name in others] == [getattr(whole, name) for name in others]
        assert item in str(basic.unread[item])
        assert value not in str(basic.unread[item]) or len(value) < 6


@pytest.mark.parametrize("value", ["X00000019", "", "639900D15600000500BF7C7A48FB496", "张三"])
def test_an_answer_without_the_code_that_names_the_card_is_refused(value: str) -> None:
    with pytest.raises(AnswerMalformed, match="identification_code"):
        parse_basic(answer(b"A", identification_code=value))


def test_an_item_that_is_no_text_costs_itself() -> None:
    basic = parse_basic(answer(b"\xd5\xc5\x81\x20\xff\x80"))
    assert (list(basic.unread), basic.name, basic.version) == (["name"], "", "1.00")
    with pytest.raises(AnswerMalformed):  # of what no name is known for it may be anything, but must be text
        parse_basic(answer(b"A")[:-1] + b"\x81\x20|\x00")


@given(
    st.sets(st.sampled_from(sorted(set(BASIC_ITEMS) - {"identification_code", "device_no"})), max_size=4),
    st.sampled_from(["?", "(?)", "终端"]),
)
def test_odd_items_cost_themselves_or_nothing_is_used(odd: set[str], value: str) -> None:
    """Never is another item than those empty or changed: several side by side may be items that have moved."""
    changed = {item: value * 30 if item == "name" else value for item in odd}
    name = changed.pop("name", "李珅").encode("gb18030")
    try:
        basic = parse_basic(answer(name, **changed))
    except AnswerMalformed:
        places = sorted(BASIC_ITEMS.index(item) for item in odd)
        assert any(low + 1 == high for low, high in pairwise(places))
        return
    whole = parse_basic(answer("李珅".encode("gb18030")))
    assert set(basic.unread) == odd
    assert all(getattr(basic, item) == ("" if item in odd else getattr(whole, item)) for item in BASIC_ITEMS)


@given(st.integers(0, 8), st.sampled_from(["", "1", "20101001", "许可号", "X1"]), st.booleans())
def test_items_that_have_moved_are_never_taken_for_others(place: int, inserted: str, is_missing: bool) -> None:
    """A driver that leaves one out, or puts one before: whatever is used stands in its place."""
    items = LINE.replace("李珅", "张三")[:-1].split("|")
    moved = items[:place] + items[place + 1 :] if is_missing else [*items[:place], inserted, *items[place:]]
    try:
        basic = parse_basic("".join(f"{item}|" for item in moved).encode("gb18030") + b"\x00")
    except AnswerMalformed:
        return
    right = dict(zip(BASIC_ITEMS, items, strict=True))
    used = {name: getattr(basic, name) for name in ("region", "identification_code", "version", "name", "reset_info")}
    assert all(value in ("", right[name]) for name, value in used.items())


@pytest.mark.parametrize(
    "name", ["José Martínez", "Müller", "Ольга", "NGUYỄN VĂN", "ÖMER·Ürümqi", "김철수", "买买提·José"]
)
def test_letters_of_other_scripts_in_utf8_are_never_read_as_han(name: str) -> None:
    raw = LINE.replace("李珅|", f"{name}|").replace("终端设备号", "MT1").encode("utf-8") + b"\x00"
    with pytest.raises(AnswerMalformed, match="UTF-8"):
        parse_basic(raw)
    assert parse_basic(raw, encoding="utf-8").name == name
    with pytest.raises(AnswerMalformed, match="UTF-8"):
        parse_files(f"SSSEEF06|1|{name}|$".encode() + b"\x00", {"SSSE/EF06": [8, 9]})
    in_gb = LINE.replace("李珅", name).encode("gb18030") + b"\x00"
    assert parse_basic(in_gb).name == name


@pytest.mark.parametrize("name", ["茅某", "小孝", "谢小平", "茅", "隆某", "聙"])
def test_names_whose_gbk_bytes_are_letters_in_utf8_are_read(name: str) -> None:
    assert name.encode("gb18030").decode("utf-8") != name
    raw = LINE.replace("李珅", name).replace("终端设备号", "MT1").encode("gb18030") + b"\x00"
    assert parse_basic(raw).name == name


def test_a_value_with_the_sign_between_files_and_one_bad_file() -> None:
    """A file begins at its name; what is wrong with one costs no other."""
    asked = {"SSSE/EF05": [6, 7], "DF01/EF06": [0x23, 0x28], "SSSE/EF06": [8, 9]}

    def found(home: str) -> DriverFiles:
        text = f"SSSEEF05|20201001|X00000019|$\r\nDF01EF06|{home}|$SSSEEF06|111111198101011110|张三|$"
        return parse_files(text.encode("gb18030") + b"\x00", asked)

    whole = found("长沙市$1号|13800000000")
    assert (whole.values["DF01/EF06"], whole.unread) == ({0x23: "长沙市$1号", 0x28: "13800000000"}, {})
    for home in ("长沙市", "长沙市|1|2", ""):
        one_bad = found(home)
        assert set(one_bad.unread) == {("DF01/EF06", 0x23), ("DF01/EF06", 0x28)}
        assert one_bad.values["SSSE/EF05"] == {6: "20201001", 7: "X00000019"}
        assert one_bad.values["SSSE/EF06"] == {8: "111111198101011110", 9: "张三"}
    missing = parse_files(b"SSSEEF05|20201001|X00000019|$\x00", asked)
    assert set(missing.unread) == {(path, tag) for path, tags in asked.items() if path != "SSSE/EF05" for tag in tags}
    for raw in (b"\x00", b"SSSEEF07|1|$\x00"):
        with pytest.raises(AnswerMalformed, match="mirror"):
            parse_files(raw, asked)


def test_a_file_that_is_one_value() -> None:
    """``SSSEEF08|$`` stands in public callers: a photo has no tags."""
    asked = {"SSSE/EF08": [], "SSSE/EF06": [9]}
    assert file_address(asked) == "SSSEEF08|$SSSEEF06|09|$"
    found = parse_files("SSSEEF08|FFD8FFD9|$SSSEEF06|张三|$".encode("gb18030") + b"\x00", asked)
    assert found.values == {"SSSE/EF08": {WHOLE_FILE: "FFD8FFD9"}, "SSSE/EF06": {9: "张三"}}


@given(NAMES.filter(lambda name: len(name.encode("gb18030")) <= 50), st.sampled_from(["1.00", "2.00", "3.00"]))
def test_the_drivers_text_and_the_cards_records_are_one_reading(name: str, version: str) -> None:
    """What a session reads off a card, written as a driver writes it, comes back as the same basic data."""
    card = CardBasic.from_fields(
        {"identification_code": "639900D15600000500BF7C7A48FB4966", "version": version, "issued_on": "20101001",
         "expires_on": "20201001", "card_no": "X00000019", "id_number": "111111198101011110", "name": name}
    )  # fmt: skip
    line = card.driver_line(bytes.fromhex("3B6D000000814E43238697159900BF7C7A"), "410100813475", "设备1")
    text = parse_basic(line.encode("gb18030") + b"\x00", encoding="gb18030")
    fields = {item: getattr(text, item) for item in BASIC_ITEMS}
    assert CardBasic.from_fields(fields) == card == card.driver_part()


@pytest.mark.parametrize("name", ["张三（小）", "张三 Ｊｒ", "古丽·热合曼　"])
def test_utf8_with_signs_of_chinese_text_is_refused_too(name: str) -> None:
    raw = LINE.replace("李珅", name).encode("utf-8") + b"\x00"
    with pytest.raises(AnswerMalformed, match="UTF-8"):
        parse_basic(raw)
    assert parse_basic(LINE.replace("李珅", name).encode("gb18030") + b"\x00").name == name.strip(" ")


def test_three_values_cut_in_half_are_too_many_to_guess() -> None:
    files = {"SSSE/EF06": [7, 8, 9]}
    for halves, read in ((1, True), (2, True), (3, False)):
        values = [ZHANG_HALF] * halves + [b"A"] * (3 - halves)
        found = parse_files(b"SSSEEF06|" + b"|".join(values) + b"|$\x00", files)
        assert bool(found.values.get("SSSE/EF06")) is read
        assert not read or list(found.values["SSSE/EF06"].values()) == ["张"] * halves + ["A"] * (3 - halves)


def test_a_text_is_decoded_as_the_driver_was_opened() -> None:
    raw = "张三".encode() + b"\x00"
    assert decode(raw, "", "utf-8") == "张三"
    with pytest.raises(AnswerMalformed, match="UTF-8"):
        decode(raw, "")
