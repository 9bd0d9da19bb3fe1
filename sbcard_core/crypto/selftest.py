"""Known answers (算法自检): what each cipher must give before it serves its first call.

Each check runs alone and among enough others to reach the wide path of a
kernel, with neighbours that differ, so that lanes that are swapped show.
"""

from array import array
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from sbcard_core.crypto.keys import Cipher

MANY = 33
"""Items in the wide check: beyond what a kernel does one by one, and no multiple of any lane count."""


class WrongAnswer(Exception):
    """Which known answer did not come out."""


def _expect(name: str, got: bytes | bytearray, expected: bytes) -> None:
    if bytes(got) != expected:
        raise WrongAnswer(name)


def _offsets(messages: Sequence[bytes]) -> Any:
    return array("q", accumulate(map(len, messages), initial=0))


_hex = bytes.fromhex

_DES_ECB = [
    ("FIPS 81", _hex("0123456789ABCDEF"), _hex("4E6F772069732074"), _hex("3FA40E8A984D4815")),
    ("FIPS 46 weak key", bytes(8), bytes(8), _hex("8CA64DE9C1B123A7")),
]
_TDES_KEY = _hex("0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123")
_TDES_PLAIN = b"The qufck brown fox jump"  # as the standard spells it
_TDES_ECB = _hex("A826FD8CE53B855FCCE21C8112256FE668D5C05DD9B6B900")  # NIST SP 800-67
_CARD = _hex("11223344556677888877665544332211")
_FACTOR = _hex("8649542600028141")
_CARD_KEY = _hex("437D19585D730A0F0A96A2241A812208")  # computed, two implementations
_RETAIL = (_CARD, _hex("1122334455667788"), _hex("04D685000411223344"), _hex("EFFE0A40389BF6A0"))
_ISO_KEY, _ISO_TEXT = _hex("0123456789ABCDEFFEDCBA9876543210"), b"Now is the time for it"
_ISO_RETAIL = [(1, _hex("2E2B1428CC78254F")), (2, _hex("5A692CE64F404145")), (3, _hex("C59F7EED328DDD69"))]
_PBOC = (_hex("9B1D924E05595603"), bytes(8), _hex("000000000000100001001122334455"), _hex("2988AE5A"))
_SM4_KEY = _hex("0123456789ABCDEFFEDCBA9876543210")
_SM4_BLOCK = _hex("681EDF34D206965E86B3E94F536E4246")  # GB/T 32907
_SM4_MAC = (_hex("00112233445566778899"), _hex("D683FD3DA68B7666DC96085D1325B531"))
_SM4_DERIVED = _hex("ADD2F86254BE59B5A7BC06C67811E959")
_AES_KEY = _hex("2B7E151628AED2A6ABF7158809CF4F3C")
_AES_ECB = (_hex("6BC1BEE22E409F96E93D7E117393172A"), _hex("3AD77BB40D7A3660A89ECAF32466EF97"))  # SP 800-38A


def _both_ways(engine: Any, name: str, key: bytes, plain: bytes, cipher: bytes) -> None:
    out = bytearray(len(plain))
    engine.ecb(key, len(key), plain, False, out)
    _expect(f"{name}, encrypted", out, cipher)
    engine.ecb(key, len(key), cipher, True, out)
    _expect(f"{name}, decrypted", out, plain)


def _cbc(engine: Any, key: bytes, block: int, size: int) -> None:
    """CBC is taken apart into ECB of the same engine, which is known to be right by then."""
    plain, iv, expected = bytes(range(size)), bytes(range(1, block + 1)), b""
    state, out = iv, bytearray(size)
    for at in range(0, size, block):
        one = bytearray(block)
        engine.ecb(key, len(key), bytes(a ^ b for a, b in zip(state, plain[at : at + block], strict=True)), False, one)
        state = bytes(one)
        expected += state
    engine.cbc(key, len(key), iv, plain, array("q", (0, size)), False, out)
    _expect("CBC, encrypted", out, expected)
    engine.cbc(key, len(key), iv, expected, array("q", (0, size)), True, out)
    _expect("CBC, decrypted", out, plain)
    blocks = [1 + i % (size // block) for i in range(MANY)]
    messages = b"".join(plain[: block * n] for n in blocks)
    chains = b"".join(expected[: block * n] for n in blocks)
    offsets, wide = array("q", accumulate((block * n for n in blocks), initial=0)), bytearray(len(messages))
    engine.cbc(key * MANY, len(key), iv, messages, offsets, False, wide)
    _expect("many CBC chains, encrypted", wide, chains)
    engine.cbc(key * MANY, len(key), iv * MANY, chains, offsets, True, wide)
    _expect("many CBC chains, decrypted", wide, messages)


def _des(engine: Any) -> None:
    for name, key, plain, cipher in _DES_ECB:
        _both_ways(engine, name, key, plain, cipher)
    _both_ways(engine, "SP 800-67", _TDES_KEY, _TDES_PLAIN, _TDES_ECB)
    rows = [_DES_ECB[i % 2] for i in range(MANY)]
    out = bytearray(8 * MANY)
    engine.ecb(b"".join(row[1] for row in rows), 8, b"".join(row[2] for row in rows), False, out)
    _expect("many keys", out, b"".join(row[3] for row in rows))
    engine.ecb(_TDES_KEY, 24, _TDES_ECB * (MANY // 3), True, out)
    _expect("many blocks, decrypted", out, _TDES_PLAIN * (MANY // 3))
    _cbc(engine, _TDES_KEY, 8, 24)
    _des_macs(engine)
    _des_cards(engine)


def _des_macs(engine: Any) -> None:
    out = bytearray(8)
    key, iv, message, expected = _PBOC
    engine.cbc_mac(key, 8, iv, message, array("q", (0, len(message))), 2, False, out)
    _expect("PBOC MAC1", out[:4], expected)
    for padding, expected in _ISO_RETAIL:
        engine.cbc_mac(_ISO_KEY, 16, bytes(8), _ISO_TEXT, array("q", (0, len(_ISO_TEXT))), padding, True, out)
        _expect(f"ISO 9797-1 algorithm 3, padding {padding}", out, expected)
    key, iv, message, expected = _RETAIL
    engine.cbc_mac(key, 16, iv, message, array("q", (0, len(message))), 2, True, out)
    _expect("retail MAC", out, expected)
    padded = message + b"\x80" + bytes(6)
    messages = [message if i % 3 else padded[:-1] for i in range(MANY)]
    other = bytearray(8)
    engine.cbc_mac(key, 16, iv, messages[0], array("q", (0, len(messages[0]))), 2, True, other)
    wide = bytearray(8 * MANY)
    engine.cbc_mac(key * MANY, 16, iv, b"".join(messages), _offsets(messages), 2, True, wide)
    _expect("many retail MACs", wide, b"".join(expected if i % 3 else bytes(other) for i in range(MANY)))


def _des_cards(engine: Any) -> None:
    factors = b"".join(_FACTOR if i % 2 else bytes(8) for i in range(MANY))
    keys, single, zero = bytearray(16 * MANY), bytearray(16), bytearray(16)
    engine.derive(_CARD, factors, keys)
    engine.derive(_CARD, _FACTOR, single)
    engine.derive(_CARD, bytes(8), zero)
    _expect("diversification", single, _CARD_KEY)
    _expect("many diversifications", keys, b"".join(_CARD_KEY if i % 2 else bytes(zero) for i in range(MANY)))
    tac_key = bytes(a ^ b for a, b in zip(_CARD_KEY[:8], _CARD_KEY[8:], strict=True))
    message, expected = bytes(range(22)), bytearray(8)
    engine.cbc_mac(tac_key, 8, bytes(8), message, array("q", (0, 22)), 2, False, expected)
    for count in (1, MANY):
        tacs, offsets = bytearray(4 * count), _offsets([message] * count)
        engine.tac(_CARD, _FACTOR * count, message * count, offsets, tacs)
        _expect("TAC", tacs, bytes(expected[:4]) * count)
        tacs[-1] ^= 1
        status = bytearray(b"\xff" * count)
        engine.tac_verify(_CARD, _FACTOR * count, message * count, offsets, tacs, status)
        _expect("TAC check", status, bytes(count - 1) + b"\x01")


def _sm4(engine: Any) -> None:
    _both_ways(engine, "GB/T 32907", _SM4_KEY, _SM4_KEY, _SM4_BLOCK)
    wide = bytearray(16 * MANY)
    engine.ecb(_SM4_KEY * MANY, 16, _SM4_KEY * MANY, False, wide)
    _expect("many blocks", wide, _SM4_BLOCK * MANY)
    engine.ecb(_SM4_KEY * MANY, 16, _SM4_BLOCK * MANY, True, wide)
    _expect("many blocks, decrypted", wide, _SM4_KEY * MANY)
    _cbc(engine, _SM4_KEY, 16, 48)
    message, expected = _SM4_MAC
    for count in (1, MANY):
        out = bytearray(16 * count)
        engine.cbc_mac(_SM4_KEY * count, 16, bytes(16), message * count, _offsets([message] * count), 2, False, out)
        _expect("CBC-MAC", out, expected * count)
        engine.derive(_SM4_KEY, _FACTOR * count, out)
        _expect("diversification", out, _SM4_DERIVED * count)


def _aes(engine: Any) -> None:
    _both_ways(engine, "SP 800-38A", _AES_KEY, *_AES_ECB)
    _cbc(engine, _AES_KEY, 16, 32)


_TESTS: dict[Cipher, Callable[[Any], None]] = {Cipher.TDES: _des, Cipher.SM4: _sm4, Cipher.AES: _aes}


def run(cipher: Cipher, engine: Any) -> None:
    """Hold an engine against its known answers.

    Raises:
        WrongAnswer: names the first one that does not come out.
    """
    _TESTS[cipher](engine)
