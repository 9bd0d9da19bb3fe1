"""Personalisation orders: what the factory gets opens, checks and reads back as the person it was made for."""

import json
import os

import pytest

from readers.sim.order import open_order
from sbcard_core.card.errors import RecordMalformed
from sbcard_core.card.files import decode_record
from sbcard_core.card.personalize import CardRequest, order_lines
from sbcard_core.card.profiles.v2 import V2
from sbcard_core.crypto import diversify
from sbcard_core.crypto.errors import KeyRefused
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import CARD_USAGES, MasterKeys
from sbcard_core.errors import InvalidValue, Refused

KEYS = MasterKeys.simulation(20140804)
TRANSPORT = KEYS.get(KeyUsage.TRANSPORT)


def request(line: int, **changed: object) -> CardRequest:
    given: dict[str, object] = {
        "order_line": line,
        "card_no": f"X{line:07d}9",
        "city": "430100",
        "serial": line.to_bytes(4, "big"),
        "factor": bytes.fromhex("8660") + line.to_bytes(6, "big"),
        "id_number": "430101198001010011",
        "name": "古丽·买买提江",
        "sex": "1",
        "ethnicity": "05",
        "birth_date": "1980-01-01",
        "issued_on": "2014-08-04",
        "expires_on": "20240804",
    }
    return CardRequest(**{**given, **changed})  # type: ignore[arg-type]


def test_a_line_opens_with_the_transport_key_and_carries_the_cards_own_keys() -> None:
    cards = [request(1), request(2, city="430200"), request(3)]
    lines = list(order_lines(cards, KEYS, TRANSPORT))
    assert [line["order_line"] for line in lines] == [1, 2, 3]
    for card, line in zip(cards, lines, strict=True):
        opened = open_order(json.loads(json.dumps(line)), TRANSPORT.material())
        for usage in CARD_USAGES:
            expected = diversify.derive_path(KEYS.get(usage), [diversify.city_factor(card.city), card.factor])
            assert bytes.fromhex(opened["keys"][usage.value]) == expected.material()
            assert line["keys"][usage.value] != expected.material().hex().upper()
            assert line["kcv"][usage.value] == expected.kcv
        assert line["atr"].endswith(card.factor.hex().upper())


def test_a_wrong_transport_key_is_noticed_by_the_factory() -> None:
    line = next(order_lines([request(1)], KEYS, TRANSPORT))
    with pytest.raises(InvalidValue):
        open_order(line, os.urandom(16))


def test_records_read_back_as_the_person() -> None:
    line = next(order_lines([request(7, name="古" * 20)], KEYS, TRANSPORT))
    read = {
        record.name: decode_record(record, bytes.fromhex(wire))
        for file in V2.files
        for record, wire in zip(file.records, line["files"][file.path], strict=True)
    }
    assert read["name"] + read["name_extension"] == "古" * 20
    assert read == {
        **read,
        "identification_code": "430100D15600000500000007FFFFFFFF",
        "version": "2.00",
        "issued_on": "20140804",
        "expires_on": "20240804",
        "card_no": "X00000079",
        "id_number": "430101198001010011",
        "ethnicity": "05",
        "birthplace": "430101",
        "birth_date": "19800101",
    }


def test_one_bad_card_refuses_the_order_or_is_handed_back() -> None:
    cards = [request(1), request(2, name="古" * 26), request(3, factor=bytes(7)), request(4)]
    with pytest.raises(Refused, match="order line 2") as caught:
        order_lines(cards, KEYS, TRANSPORT)
    assert "古" not in str(caught.value)
    refused: list[tuple[int, type]] = []
    lines = list(
        order_lines(cards, KEYS, TRANSPORT, on_refused=lambda card, why: refused.append((card.order_line, type(why))))
    )
    assert [line["order_line"] for line in lines] == [1, 4]
    assert refused == [(2, RecordMalformed), (3, InvalidValue)]
    factor = diversify.city_factor("430100")
    expected = diversify.derive_path(KEYS.get(KeyUsage.DTK), [factor, cards[3].factor])
    assert lines[1]["kcv"]["DTK"] == expected.kcv


def test_half_a_surrogate_pair_is_one_bad_card_not_a_crash() -> None:
    seen: list[int] = []
    cards = [request(1, name="王\ud800"), request(2)]
    lines = list(order_lines(cards, KEYS, TRANSPORT, on_refused=lambda card, why: seen.append(card.order_line)))
    assert (seen, [line["order_line"] for line in lines]) == ([1], [2])


def test_a_foreigners_number_makes_a_card() -> None:
    line = next(order_lines([request(1, id_number="KAZ110090123105")], KEYS, TRANSPORT))
    assert line["files"]["SSSE/EF06"][5] == "0C03FFFFFF"


def test_only_a_transport_key_carries_keys() -> None:
    with pytest.raises(KeyRefused):
        order_lines([request(1)], KEYS, KEYS.get(KeyUsage.DTK))


def test_an_empty_order() -> None:
    assert list(order_lines([], KEYS, TRANSPORT)) == []


def test_a_request_shows_no_person() -> None:
    assert "430101198001010011" not in repr(request(1))
    assert "古丽" not in repr(request(1))
