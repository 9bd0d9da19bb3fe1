"""Every declared file of every profile: vectors both ways, Python and JSON both ways, and no contradiction."""

import json
from pathlib import Path

import pytest

from sbcard_core.card import values as card_values
from sbcard_core.card.access import KEYS, Access, Confidence
from sbcard_core.card.basic import CardBasic
from sbcard_core.card.describe import confidences
from sbcard_core.card.errors import CardDiffers, GenerationUnknown, ProfileRefused, RecordMalformed
from sbcard_core.card.files import FileDecl, Format, RecordDecl, Structure, decode_record, encode_record
from sbcard_core.card.loadprofile import SAMPLE_FILE, load_profile, profile_of
from sbcard_core.card.profile import Profile, Reading, describe
from sbcard_core.card.profiles import for_version
from sbcard_core.card.profiles.v1 import V1
from sbcard_core.card.profiles.v2 import SAMPLE, V2
from sbcard_core.card.profiles.v3 import V3
from sbcard_core.crypto.errors import AssumptionNotSet
from sbcard_core.crypto.rules import Df04Command

OLD = load_profile(SAMPLE_FILE)
PROFILES = (V1, V2, V3, OLD)
FILES = [(profile, file) for profile in PROFILES for file in profile.all_files()]
RECORDS = [(profile, file, record) for profile, file in FILES for record in file.records]
VECTORS = [(file, record, wire, value) for _, file, record in RECORDS for wire, value in record.vectors]


def name_of(item: object) -> str | None:
    return getattr(item, "path", None) or getattr(item, "name", None)


@pytest.mark.parametrize(("file", "record", "wire", "value"), VECTORS, ids=name_of)
def test_each_vector_both_ways(file: FileDecl, record: RecordDecl, wire: str, value: str) -> None:
    data = bytes.fromhex(wire)
    assert encode_record(record, value) == data
    shown = decode_record(record, data)
    assert shown == value
    python = card_values.python_value(record, shown)
    assert encode_record(record, json.loads(json.dumps(python))) == data
    if file.structure is Structure.RECORDS:
        # an extension is behind a name that fills its record
        before = [b"\x09\x1e" + "阿".encode("gb18030") * 15] if record.name == "name_extension" else []
        read = card_values.decode_file(file, [*before, data])
        assert card_values.from_json(file, card_values.to_json(read))[: len(before) + 1] == [*before, data]


def test_no_declared_record_is_without_a_vector() -> None:
    assert [(file.path, record.name) for _, file, record in RECORDS if not record.vectors] == []


def test_a_file_without_content_says_so_and_only_such_a_file() -> None:
    for _, file in FILES:
        assert (file.structure is Structure.UNKNOWN) == (not file.records), file.path
    unknown = {file.path for file in V2.all_files() if file.structure is Structure.UNKNOWN}
    assert unknown == {
        "SSSE/EF0C", "DF01/EF16", "DF01/EF17", "DF01/EF18", "DF01/EF19", "DF01/EF1A",
        "DF02/EF05", "DF02/EF06", "DF02/EF07", "DF02/EF09", "DF02/EF15", "DF02/EF16",
        "DF03/EF06", "DF03/EF17", "DF03/EF18", "DF03/EF19", "DF05/EF05",
    }  # fmt: skip


@pytest.mark.parametrize("profile", PROFILES, ids=name_of)
def test_paths_identifiers_and_keys_fit_each_other(profile: Profile) -> None:
    files = list(profile.all_files())
    assert len({file.path for file in files}) == len(files)
    assert len({(file.directory, file.fid) for file in files}) == len(files)
    directories = {directory.name for directory in profile.directories}
    for file in files:
        assert file.directory in directories
        assert file.path.endswith(f"EF{file.fid & 0xFF:02X}")
        assert {file.read_key, file.update_key} - {""} <= set(profile.keys)
        assert len({record.name for record in file.records}) == len(file.records)


def test_ordinals_of_the_generations() -> None:
    """1.x has no extension of the name: sex is record 3 there and record 4 from 2.x on; tags are the same."""
    sex = [(p.file("SSSE/EF06").number("sex"), p.file("SSSE/EF06").record("sex").tag) for p in (V1, V2, V3)]
    assert sex == [(3, 0x0A), (4, 0x0A), (4, 0x0A)]
    assert [len(p.file("SSSE/EF06").records) for p in (V1, V2, V3)] == [6, 7, 7]
    assert [p.file("SSSE/EF06").read for p in (V1, V2, V3)] == [Access.FREE, Access.FREE, Access.KEY]


def test_the_log_has_28_bytes_and_more_records_on_the_second_generation() -> None:
    log = [p.file("DF04/EF08") for p in (V1, V2)]
    assert [(file.count, sum(field.length for field in file.records)) for file in log] == [(10, 28), (30, 28)]
    wire = bytes.fromhex("0007 31 430100000001 20140731102030 000004E2 00000000 00000001")
    row = {"txn_no": 7, "type": "1", "terminal_no": "430100000001", "at": "20140731102030",
           "amount_1": 1250, "amount_2": 0, "amount_3": 1}  # fmt: skip
    assert card_values.decode_file(log[0], [wire, b"\xff" * 28]) == [row]
    assert card_values.encode_file(log[0], [row]) == [wire]


def test_what_is_counted_at_each_confidence() -> None:
    counted = confidences(V2)
    assert counted[Confidence.HIGH] == 14
    assert counted[Confidence.MEDIUM] == 5
    assert sum(counted.values()) == len([r for p, _, r in RECORDS if p is V2])


@pytest.mark.parametrize("padding", ["00", "FF", "20"])
@pytest.mark.parametrize(("file", "record"), [(f, r) for _, f, r in RECORDS if r.format is Format.AN], ids=name_of)
def test_text_is_read_whatever_it_was_filled_with(file: FileDecl, record: RecordDecl, padding: str) -> None:
    body = b"7"[: record.length].ljust(record.length, bytes.fromhex(padding))
    assert decode_record(record, record.head + body) == "7"


def test_a_reader_that_asks_for_the_declared_length_of_a_longer_record() -> None:
    card_no = V2.file("SSSE/EF05").record("card_no")
    assert decode_record(card_no, b"\x07\x19X00000019") == "X00000019"
    with pytest.raises(RecordMalformed):
        decode_record(card_no, b"\x07\x19X0000001")


def test_a_date_may_end_in_what_looks_like_a_space() -> None:
    issued = V2.file("SSSE/EF05").record("issued_on")
    assert decode_record(issued, bytes.fromhex("050420141020")) == "20141020"


@pytest.mark.parametrize(("version", "generation"), [("1.00", "1"), ("2.01", "2"), ("3.00", "3"), ("\0", "2")])
def test_the_first_character_selects_the_generation(version: str, generation: str) -> None:
    assert for_version(version, V2).generation == generation
    assert for_version(version, SAMPLE).assumed == SAMPLE.assumed


@pytest.mark.parametrize("version", ["", "4.00", "x"])
def test_no_generation(version: str) -> None:
    with pytest.raises(GenerationUnknown) as caught:
        for_version(version, V2)
    assert caught.value.driver_code == -20


def test_keys_keep_what_is_public_and_refuse_the_rest() -> None:
    assert (KEYS["RK_SSSE"].hsm_address, KEYS["RK_SSSE"].psam_key_id, KEYS["RK_SSSE"].kid) == ("004C", 0x0A, 0x0A)
    assert (KEYS["UK_SSSE"].hsm_address, KEYS["UK_SSSE"].psam_key_id, KEYS["UK_SSSE"].kid) == ("0094", 0x12, 0x04)
    with pytest.raises(AssumptionNotSet):
        KEYS["RK_DF04"].need_kid()
    with pytest.raises(AssumptionNotSet):
        V2.key("IRK")
    assert SAMPLE.key("IRK").psam_key_id == 0x01


def test_files_by_other_names() -> None:
    assert V2.find("DF04EF08").path == "DF04/EF08"
    for name in ("DF04EF77", "保留文件"):
        with pytest.raises(ProfileRefused):
            V2.find(name)


def test_a_profile_in_words() -> None:
    text = describe(V2)
    assert "DF04/EF08 交易明细文件: cyclic, 30 records of 28 bytes" in text
    assert "DF07     标识F0至F9的应用          not public" in text
    assert "SSSE/EF0C 地区扩展文件: content not public" in text
    assert "样例" in describe(OLD)


# --- loaded profiles

ALONE = {
    "name": "card of a city",
    "basic": ["OLD/EF05"],
    "directory": [{"name": "OLD", "fid": 0xDF01}],
    "file": [
        {
            "path": "OLD/EF05",
            "fid": 0xEF05,
            "read": "free",
            "record": [{"tag": 1, "name": "card_no", "format": "an", "length": 9}],
        }
    ],
}


def altered(**changes: object) -> dict[str, object]:
    made: dict[str, object] = json.loads(json.dumps(ALONE))
    made.update(changes)
    return made


def with_file(**changes: object) -> dict[str, object]:
    made = altered()
    made["file"][0].update(changes)  # type: ignore[index]
    return made


def with_record(**changes: object) -> dict[str, object]:
    made = altered()
    made["file"][0]["record"].append({"tag": 2, "name": "b", "format": "an", "length": 1, **changes})  # type: ignore[index]
    return made


def test_a_profile_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "city.json"
    path.write_text(json.dumps(ALONE), encoding="utf-8")
    made = load_profile(path)
    assert (made.environment, made.files[0].record("card_no").confidence, made.sample) == ("OLD", "R", False)
    assert made.files[0].records[0].source == "declared in city.json"


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (altered(wrong=1), "unknown words wrong"),
        (altered(basic=["OLD/EF06"]), "not declared"),
        (altered(basic=[]), "basic is missing"),
        (altered(directory=[]), "directory OLD is not declared"),
        (altered(directory=[{"name": "OLD"}]), "neither aid nor fid"),
        (altered(directory=[{"name": "OLD", "aid": "D1"}]), "5 to 16 bytes"),
        (altered(environment="DF01"), "outside the environment"),
        (altered(file=[ALONE["file"][0], ALONE["file"][0]]), "declared twice"),  # type: ignore[index]
        (altered(initial_pins=["12"]), "4 to 16 digits"),
        (altered(reading="by heart"), "reading is none of"),
        (with_file(fid=0), "fid is not a number"),
        (with_file(read="sometimes"), "read is none of"),
        (with_file(read_key="IRK"), "read is free and a key is named"),
        (with_file(read="key", read_key="RK_X"), "read_key RK_X is not declared"),
        (with_file(structure="unknown"), "called unknown and records are declared"),
        (with_file(record=[]), "no record is declared"),
        (with_file(fid=0xEF00), "no short identifier"),
        (with_record(tag=1), "tag 1 is declared twice"),
        (with_record(name="card_no"), "name card_no is declared twice"),
        (with_record(length=0), "length is not a number from 1"),
        (with_record(length=255), "length is not a number"),
        (with_record(format="text"), "format is none of"),
        (with_record(vectors=[["02 zz", ""]]), "neither hex nor"),
        (altered(based_on="2.00"), "those of the generation"),
        ({"based_on": "7"}, "names no generation"),
        ({"based_on": "2.00", "version": "3.00"}, "not of generation 2"),
        ({"based_on": "2.00", "assumed": {"df04": {"debit": 1, "get-proof": 1}}}, "share an instruction"),
        ({"based_on": "2.00", "assumed": {"df04": {"pay": 1}}}, "df04 is none of"),
        ({"based_on": "2.00", "assumed": {"irk_psam_key_id": 256}}, "not one byte"),
        ({"based_on": "2.00", "key": {"NEW": {"kid": 3}}}, "needs its usage"),
        ({"based_on": "2.00", "file": [{**ALONE["file"][0], "path": "SSSE/EF25"}]}, "has the identifier of"),  # type: ignore[index,dict-item]
    ],
)  # fmt: skip
def test_contradictions_are_refused(document: dict[str, object], why: str) -> None:
    with pytest.raises(ProfileRefused, match=why):
        profile_of(document)


def test_an_issuers_numbers_go_on_top_of_a_generation(tmp_path: Path) -> None:
    path = tmp_path / "issuer.toml"
    path.write_text(
        """
based_on = "3.00"
name = "issuer"
reading = "short identifier and number"
[assumed]
process_key = "encrypt-8"
irk_psam_key_id = 9
purse_aid = "D15600000503"
purse_key_index = 2
df04 = { debit = 0x36, "initialize-for-debit" = 0x34 }
purse_log = { path = "DF04/EF08", amount = "amount_2" }
[key.RK_DF04]
kid = 0x2D
[[file]]
path = "DF02/EF05"
fid = 0xEF05
read = "PIN"
[[file.record]]
tag = 0x50
name = "employment"
format = "an"
length = 1
vectors = [["5001 31", "1"]]
""",
        encoding="utf-8",
    )
    made = load_profile(path)
    assert made.key("RK_DF04").need_kid() == 0x2D
    assert made.psam_key_of_kid[0x2D] == 0x2D
    assert made.key("IRK").psam_key_id == 9
    assert made.reading is Reading.SFI_NUMBER
    assert made.assumed.purse.need_df04(Df04Command.DEBIT) == 0x36
    assert made.assumed.purse_log is not None
    assert made.assumed.purse_log.amount == "amount_2"
    assert made.file("DF02/EF05").record("employment").confidence is Confidence.ASSUMED
    assert made.file("SSSE/EF06").read is Access.KEY
    assert made.file("DF02/EF05").structure is Structure.RECORDS
    with pytest.raises(AssumptionNotSet):
        made.assumed.purse.need_df04(Df04Command.GET_PROOF)


@pytest.mark.parametrize("text", ["[", "1", "name = 3\nname = 4"])
def test_what_is_no_document(text: str, tmp_path: Path) -> None:
    for suffix in (".toml", ".json"):
        path = tmp_path / f"a{suffix}"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ProfileRefused):
            load_profile(path)


# --- one form for every route


def test_the_same_basic_data_from_every_route() -> None:
    full = CardBasic("639900D15600000500BF7C7A48FB4966", "3", "1.00", "639900", "20101001", "20201001", "X00000019",
                     "111111198101011110", "李珅", "1", "01", "111111", "19810101")  # fmt: skip
    assert CardBasic.from_json(full.to_json()) == full
    assert CardBasic.from_fields(full.to_fields()) == full
    line = full.driver_line(bytes.fromhex("3B6D000000814E43238697159900BF7C7A"), "410100813475", "设备")
    names = ("region", "id_number", "card_no", "identification_code", "name", "reset_info", "version", "issued_on",
             "expires_on", "terminal_no", "device_no")  # fmt: skip
    text = line.encode("gb18030").decode("gb18030")
    from_driver = CardBasic.from_fields(dict(zip(names, text.split("|"), strict=False)))
    assert from_driver == full.driver_part()
    assert "李珅" not in repr(full.holder)


def test_routes_that_lie_are_refused() -> None:
    code = "639900D15600000500BF7C7A48FB4966"
    with pytest.raises(CardDiffers):
        CardBasic.from_fields({"identification_code": code, "region": "430100"})
    for bad in ({"nome": "x"}, {"name": 3}):
        with pytest.raises(RecordMalformed):
            CardBasic.from_fields(bad)  # type: ignore[arg-type]
    for text in ("[", "[]", '{"name": 3}'):
        with pytest.raises(RecordMalformed):
            CardBasic.from_json(text)
