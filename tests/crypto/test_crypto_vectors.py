"""Every worked example of tests/vectors, through the public calls; invalid and refused cases included."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sbcard_core.crypto import cipher, diversify, hsm_strings, mac, pin_block, purse, secure_messaging, tac
from sbcard_core.crypto.keys import Algorithm, Cipher, KeyUsage, SecretKey
from sbcard_core.errors import InvalidValue

FOLDER = Path(__file__).resolve().parents[1] / "vectors"


def read(name: str) -> list[dict[str, Any]]:
    vectors: list[dict[str, Any]] = json.loads((FOLDER / name).read_text("utf-8"))["vectors"]
    return vectors


VECTORS, MACS, STRINGS = read("purse.json"), read("mac.json"), read("hsm.json")


def derive(key: bytes, factors: list[str], algorithm: str = "3DES") -> bytes:
    master = SecretKey(key, KeyUsage.IRK, Algorithm(algorithm))
    return diversify.derive_path(master, [bytes.fromhex(factor) for factor in factors]).material()


def session(material: bytes) -> SecretKey:
    return SecretKey(material, KeyUsage.SESSION)


def sm4(material: bytes) -> SecretKey:
    return SecretKey(material, KeyUsage.MAC, Algorithm.SM4)


OPERATIONS: dict[str, Callable[..., bytes]] = {
    "load_session_key": lambda key, random, online_no: purse.load_session_key(
        SecretKey(key, KeyUsage.DLK), random, online_no
    ).material(),
    "load_mac1": lambda **given: purse.load_mac1(session(given.pop("session")), **given),
    "load_mac2": lambda **given: purse.load_mac2(
        session(given.pop("session")), **{**given, "datetime": given["datetime"].hex()}
    ),
    "cbc_mac": lambda key, data, iv=None, length=4: mac.cbc_mac(key, data, iv=iv, length=length),
    "sm4_ecb": lambda key, data: cipher.ecb_encrypt(key, data, algorithm=Algorithm.SM4),
    "tdes_ecb_decrypt": cipher.ecb_decrypt,
    "diversify": derive,
    "sm4_mac_folded": lambda key, data: mac.cbc_mac(sm4(key), data, fold=True),
    "sm4_mac_block": lambda key, data: mac.cbc_mac(sm4(key), data, length=16),
    "retail_mac": lambda key, data, iv=None, length=4: mac.retail_mac(key, data, iv=iv, length=length),
    "tac_key": lambda **given: tac.tac_key(given["key"]),
    "city_factor": lambda **given: diversify.city_factor(given["region_text"]),
    "unionpay_ecb_mac": mac.unionpay_mac,
    "secure_mac": secure_messaging.mac,
    "pin_iso_0": lambda **given: pin_block.build(given["pin_text"], pin_block.ISO_0, account=given["account_text"]),
}
AS_TEXT = {"algorithm", "region_text", "pin_text", "account_text"}


def run(vector: dict[str, Any]) -> bytes:
    given = {
        name: bytes.fromhex(value) if isinstance(value, str) and name not in AS_TEXT else value
        for name, value in vector["input"].items()
    }
    return OPERATIONS[vector["operation"]](**given)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_vector(vector: dict[str, Any]) -> None:
    if vector["result"] == "refused":
        with pytest.raises(InvalidValue):
            run(vector)
        return
    equal = run(vector) == bytes.fromhex(vector["expected"])
    assert equal is (vector["result"] == "valid")


def test_the_file_is_complete() -> None:
    """Each vector says where it comes from, ids are unique, and every operation has a wrong case somewhere."""
    assert all(vector.keys() >= {"id", "comment", "source", "result", "input"} for vector in VECTORS)
    assert len({vector["id"] for vector in VECTORS}) == len(VECTORS)
    assert {vector["result"] for vector in VECTORS} == {"valid", "invalid", "refused"}
    assert {vector["operation"] for vector in VECTORS} == set(OPERATIONS)


def options(vector: dict[str, Any]) -> dict[str, Any]:
    given = {name: vector[name] for name in ("padding", "length", "fold") if name in vector}
    if "iv" in vector:
        given["iv"] = bytes.fromhex(vector["iv"])
    if "cipher" in vector:
        given["cipher"] = Cipher(vector["cipher"])
    if vector["operation"] == "cmac":
        given["length"] = len(vector.get("expected", "00" * 8)) // 2
    return given


def alone(vector: dict[str, Any]) -> bytes:
    made: bytes = getattr(mac, vector["operation"])(
        bytes.fromhex(vector["key"]), bytes.fromhex(vector["data"]), **options(vector)
    )
    return made


def among(vector: dict[str, Any], count: int) -> bytes:
    """The vector's MAC out of a batch of ``count`` whose other messages differ in length and key."""
    key, data = bytes.fromhex(vector["key"]), bytes.fromhex(vector["data"])
    keys = [bytes((i % 251,)) * len(key) for i in range(count)]
    messages = [b"\x5a" * (1 + i % 70) for i in range(count)]
    at = count * 2 // 3
    keys[at], messages[at] = key, data
    made: bytes = getattr(mac, vector["operation"] + "_many")(keys, messages, **options(vector))[at]
    return made


@pytest.mark.parametrize("vector", MACS, ids=lambda vector: vector["id"])
def test_mac_vector(vector: dict[str, Any]) -> None:
    ways: list[Callable[[dict[str, Any]], bytes]] = [alone, *(lambda v, n=n: among(v, n) for n in (1, 5, 40, 300))]
    for way in ways:
        if vector["result"] == "refused":
            with pytest.raises(InvalidValue):
                way(vector)
        else:
            assert (way(vector) == bytes.fromhex(vector["expected"])) is (vector["result"] == "valid")


@pytest.mark.parametrize("vector", STRINGS, ids=lambda vector: vector["id"])
def test_hsm_string(vector: dict[str, Any]) -> None:
    form = getattr(hsm_strings, vector["form"])
    if vector["result"] == "refused":
        with pytest.raises(InvalidValue) as caught:
            form.parse(vector["text"])
        assert not any(part in str(caught.value) for part in vector["text"].split("|") if len(part) > 6)
        return
    assert form.parse(vector["text"]).format() == vector.get("written", vector["text"])


def test_published_exchange_fits_together() -> None:
    """The published answer echoes the original data of the published question; its second half goes to the card."""
    asked = hsm_strings.BasicStep1.parse(STRINGS[0]["text"])
    answer = hsm_strings.BasicStep2.parse(STRINGS[1]["text"])
    answer.check(asked)
    assert asked.path == b"542600sx" + bytes.fromhex("8649542600028141")
    apdu = bytes.fromhex("0082000A10") + answer.external_authenticate_data()
    assert apdu.hex().upper() == "0082000A100FA0893931E4BEB68E18CF183BED0E13"


@pytest.mark.parametrize("vectors", [MACS, STRINGS], ids=["mac", "hsm"])
def test_every_vector_says_its_origin(vectors: list[dict[str, Any]]) -> None:
    assert len({vector["id"] for vector in vectors}) == len(vectors)
    assert all(vector.get("sources") or vector.get("source") for vector in vectors)
    assert all(vector["comment"] and vector["result"] in {"valid", "invalid", "refused"} for vector in vectors)
    published = [v for v in vectors if v["result"] == "valid" and "sources" in v]
    assert all(len(v["sources"]) == 2 or v["sources"] == ["computed: two implementations"] for v in published)
