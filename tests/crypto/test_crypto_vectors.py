"""Every worked example, from the file beside this test; invalid and refused cases included."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sbcard_core.crypto import cipher, diversify, mac, purse, tac
from sbcard_core.crypto.keys import Algorithm, KeyUsage, SecretKey
from sbcard_core.errors import InvalidValue

FILE = Path(__file__).parent / "vectors" / "published.json"
VECTORS = json.loads(FILE.read_text("utf-8"))["vectors"]


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
    "unionpay_ecb_mac": lambda key, data: mac.unionpay_mac(key, data),
}
AS_TEXT = {"algorithm", "region_text"}


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
