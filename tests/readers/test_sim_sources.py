"""Virtual devices by URL: whatever is named is a card a terminal accepts, and whatever is not is refused in words."""

import json
from pathlib import Path
from typing import Any

import pytest

from readers import drivers
from readers.errors import ReaderNotFound
from readers.sim import VirtualCard, VirtualPSAM
from readers.sim.sources import device
from readers.sim.stock import CardStock
from sbcard_core.card.profiles.v2 import SAMPLE
from sbcard_core.card.session import CardSession
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.errors import InvalidValue


def read(card_url: str, psam_url: str, **options: Any) -> Any:
    with drivers.open(card_url, **options) as card, drivers.open(psam_url, **options) as psam:
        return CardSession(card.connect(), psam.connect(), profile=SAMPLE).read_authenticated(None)


@pytest.fixture
def orders(tmp_path: Path, order_line: dict[str, Any]) -> Path:
    path = tmp_path / "orders.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number, card_no in enumerate(("A00000013", "X00000019", "B00000019"), 1):
            files = {**order_line["files"], "SSSE/EF05": order_line["files"]["SSSE/EF05"][:6]}
            files["SSSE/EF05"] = [*files["SSSE/EF05"], "0709" + card_no.encode().hex()]
            line = {**order_line, "order_line": number, "card_no": card_no, "files": files}
            print(json.dumps(line), file=file)
    return path


@pytest.fixture
def key_file(tmp_path: Path, master_keys: MasterKeys) -> Path:
    path = tmp_path / "keys.json"
    wanted = (KeyUsage.TRANSPORT, KeyUsage.IRK, KeyUsage.RK_SSSE, KeyUsage.UK_SSSE, KeyUsage.DPK)
    path.write_text(json.dumps({usage.value: master_keys.get(usage).material().hex() for usage in wanted}), "utf-8")
    return path


@pytest.mark.parametrize(("which", "card_no"), [("", "A00000013"), ("#2", "X00000019"), ("#B00000019", "B00000019")])
def test_an_order_by_line_and_by_card_number(orders: Path, key_file: Path, which: str, card_no: str) -> None:
    basic = read(f"sim:{orders}?keys={key_file}{which}", f"sim:psam?keys={key_file}")
    assert (basic.card_no, basic.name) == (card_no, "李珅")


def test_keys_as_options(orders: Path, master_keys: MasterKeys) -> None:
    roots = {usage.value: master_keys.get(usage).material() for usage in (KeyUsage.IRK, KeyUsage.RK_SSSE)}
    transport = master_keys.get(KeyUsage.TRANSPORT).material()
    options = {"transport_key": transport, "psam_keys": roots}
    assert read(f"sim:{orders}#2", "sim:psam", **options).card_no == "X00000019"
    with pytest.raises(InvalidValue, match="check value"):
        drivers.open(f"sim:{orders}#2", transport_key=bytes(16))


def test_a_stock() -> None:
    stock = CardStock.made_up(1000, seed=7, version="3.00")
    number = stock.ef05[11, -9:].tobytes().decode("ascii")
    url = "sim:stock?count=1000&seed=7&version=3.00"
    by_place, by_number = (read(f"{url}#{which}", "sim:psam?stock=7") for which in ("12", number))
    assert by_place == by_number
    assert by_place.card_no == number
    assert by_place.id_number == stock.ef06[11, 2:20].tobytes().decode("ascii")
    assert read(f"{url}#13", "sim:psam?stock=7&number=3").id_number != by_place.id_number


def test_a_desk() -> None:
    assert read("sim:desk?seed=3&name=李四&version=3.00", "sim:psam?desk=3").name == "李四"


def test_a_terminal_number() -> None:
    psam = device("psam?terminal=371700000009", psam_keys={"IRK": bytes(16)})
    assert isinstance(psam, VirtualPSAM)
    assert device("") is None
    psam.transmit(bytes.fromhex("00A4040006D15600000590"))
    assert psam.transmit(bytes.fromhex("00B0960006")).hex() == "3717000000099000"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("stock?count=10#11", "no card 11"),
        ("stock?count=10#0", "no card 0"),
        ("stock?count=10#X99999999", "no card X99999999"),
        ("stock#abc", "a place from 1"),
        ("stock?sead=1", "no option sead"),
        ("stock?count=ten", "count is not a number"),
        ("stock?city=4301", "6-digit region"),
        ("desk?seed=-1", "seed is not a number"),
        ("psam", "root keys"),
        ("psam?keys=nothing.json", "no file nothing.json"),
        ("psam?desk=1&terminal=12", ""),
        ("nothing.jsonl#1", "no file nothing.jsonl"),
    ],
)
def test_what_there_is_not(url: str, said: str, tmp_path: Path) -> None:
    if not said:
        assert device(url) is not None
        return
    with pytest.raises((ReaderNotFound, InvalidValue), match=said):
        device(url, transport_key=bytes(16))


@pytest.mark.parametrize("which", ["4", "0", "X00000027", "first"])
def test_lines_there_are_not(orders: Path, which: str) -> None:
    with pytest.raises(ReaderNotFound):
        device(f"{orders}#{which}", transport_key=bytes(16))
    with pytest.raises(ReaderNotFound, match="transport key"):
        device(f"{orders}#1")


@pytest.mark.parametrize("text", ["[]", "{", '{"IRK": 1}', '{"IRK": "xyz"}'])
def test_a_file_of_keys_that_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text, "utf-8")
    with pytest.raises(InvalidValue, match="JSON object of keys"):
        device(f"psam?keys={path}")


OUTSIDE = [
    "version=9.99", "version=", "version=2", "version=３.00", "version=2.000", "balance=4294967296", "balance=-1",
    "seed=", "seed=x",
]  # fmt: skip


@pytest.mark.parametrize(
    "rest",
    [f"desk?{one}" for one in OUTSIDE]
    + [f"stock?{one}#1" for one in OUTSIDE]
    + [
        "desk?name=" + "张" * 16,
        "desk?name=" + "𠮷" * 8,
        "desk?account=xyz",
        "desk?account=张",
        "desk?account=12",
        "desk#2",
    ]
    + ["stock?city=99", "stock?city=４３０１００", "stock?count=10000001", "stock#0", "stock#1001", "stock#x"]
    + [
        "psam?desk=1#3",
        "psam?desk=1&stock=2",
        "psam?desk=1&keys=k",
        "psam?stock=1&number=99999999",
        "psam?keys=/",
        "psam",
    ],
)
def test_what_no_card_can_be_is_refused_by_name(rest: str) -> None:
    with pytest.raises((InvalidValue, ReaderNotFound)) as refused:
        device(rest)
    assert refused.value.message is not None
    assert refused.value.in_language("zh") != refused.value.in_language("en")


@pytest.mark.parametrize("version", ["1.00", "2.00", "3.00"])
def test_every_version_of_the_cards_is_made(version: str) -> None:
    for rest in (f"desk?version={version}", f"stock?version={version}#7"):
        assert isinstance(device(rest), VirtualCard)
    device("desk?name=" + "张" * 15 + "&balance=4294967295")


@pytest.mark.parametrize("line", ["", "{", "[]", "null", "{}", '{"card_no": "X00000019"}', "X00000019", '"X00000019"'])
def test_a_line_that_is_no_order_is_refused_by_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "orders.jsonl"
    path.write_text("{}\n" + line + "\n")
    for which in ("2", "X00000019"):
        with pytest.raises((InvalidValue, ReaderNotFound)) as refused:
            device(f"{path}#{which}", transport_key=bytes(16))
        assert which in str(refused.value)
