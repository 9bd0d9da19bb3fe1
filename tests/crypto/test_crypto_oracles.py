"""A second opinion: pycryptodome for DES and 3DES, gmssl for SM3 and SM4, over random inputs."""

from Crypto.Cipher import DES
from gmssl import sm3
from gmssl.sm4 import SM4_ENCRYPT, CryptSM4
from hypothesis import given, settings
from hypothesis import strategies as st

from sbcard_core.crypto import cipher, diversify, mac, tac
from sbcard_core.crypto.keys import Algorithm, KeyUsage, SecretKey

KEY16 = st.binary(min_size=16, max_size=16)
BLOCK = st.binary(min_size=8, max_size=8)
MESSAGE = st.binary(max_size=70)
few = settings(max_examples=40)


def ede(key: bytes, block: bytes) -> bytes:
    left, right = DES.new(key[:8], DES.MODE_ECB), DES.new(key[8:16], DES.MODE_ECB)
    return left.encrypt(right.decrypt(left.encrypt(block)))


def chain(one: DES, data: bytes, iv: bytes) -> bytes:
    state = iv
    for at in range(0, len(data), 8):
        state = one.encrypt(bytes(a ^ b for a, b in zip(state, data[at : at + 8], strict=True)))
    return state


def sm4_block(key: bytes, block: bytes) -> bytes:
    crypt = CryptSM4()
    crypt.set_key(key, SM4_ENCRYPT)
    return bytes(crypt.one_round(crypt.sk, list(block)))


@given(KEY16, st.binary(max_size=64).map(lambda data: data[: len(data) // 8 * 8]))
@few
def test_tdes_ecb(key: bytes, data: bytes) -> None:
    expected = b"".join(ede(key, data[at : at + 8]) for at in range(0, len(data), 8))
    assert cipher.ecb_encrypt(key, data) == expected
    assert cipher.ecb_decrypt(key, expected) == data


@given(BLOCK, MESSAGE, BLOCK)
@few
def test_des_cbc_mac(key: bytes, data: bytes, iv: bytes) -> None:
    padded = data + b"\x80" + bytes(-(len(data) + 1) % 8)
    assert mac.cbc_mac(key, data, iv=iv, length=8) == chain(DES.new(key, DES.MODE_ECB), padded, iv)


@given(KEY16, MESSAGE, BLOCK)
@few
def test_retail_mac(key: bytes, data: bytes, iv: bytes) -> None:
    padded = data + b"\x80" + bytes(-(len(data) + 1) % 8)
    left, right = DES.new(key[:8], DES.MODE_ECB), DES.new(key[8:], DES.MODE_ECB)
    expected = left.encrypt(right.decrypt(chain(left, padded, iv)))
    assert mac.retail_mac(key, data, iv=iv, length=8) == expected
    assert mac.retail_mac(key, data, iv=iv, length=4) == expected[:4]


@given(KEY16, st.lists(BLOCK, max_size=6))
@few
def test_diversification(key: bytes, factors: list[bytes]) -> None:
    expected = b"".join(ede(key, f) + ede(key, bytes(b ^ 0xFF for b in f)) for f in factors)
    assert diversify.derive_many(SecretKey(key, KeyUsage.DTK), b"".join(factors)) == expected


@given(KEY16, BLOCK)
@settings(max_examples=15)
def test_sm4_diversification_and_mac(key: bytes, factor: bytes) -> None:
    complement = bytes(b ^ 0xFF for b in factor)
    master = SecretKey(key, KeyUsage.IRK, Algorithm.SM4)
    assert diversify.derive(master, factor).material() == sm4_block(key, factor + complement)
    last = sm4_block(key, factor + b"\x80" + bytes(7))
    words = [last[at : at + 4] for at in range(0, 16, 4)]
    folded = bytes(a ^ b ^ c ^ d for a, b, c, d in zip(*words, strict=True))
    assert mac.cbc_mac(master, factor, fold=True) == folded


@given(KEY16, st.binary(min_size=22, max_size=22))
@few
def test_tac(dtk: bytes, message: bytes) -> None:
    key = bytes(a ^ b for a, b in zip(dtk[:8], dtk[8:], strict=True))
    expected = chain(DES.new(key, DES.MODE_ECB), message + b"\x80\x00", bytes(8))[:4]
    assert tac.compute(dtk, message) == expected


def test_pki_pin_key_is_the_published_hash() -> None:
    """SM3 of the packed PIN 123456 begins with the key of the published PIN cryptogram."""
    digest = sm3.sm3_hash(list(bytes.fromhex("123456")))
    assert digest.upper() == "3DE741F445DD357BEA4E6C3FE6437036F62B5E3EC0F00D62796EDB4305ED627F"
    challenge = bytes.fromhex("178CEDCF32C5D7990216632170C7CD37")
    answer = cipher.ecb_encrypt(bytes.fromhex(digest)[:16], challenge, algorithm=Algorithm.SM4)
    assert answer == sm4_block(bytes.fromhex(digest)[:16], challenge)
    assert answer.hex().upper() == "358B51056B9B9EB2C96B20E7DB7A6B8F"
