"""Every case once: our public call, the same work straight on the kernel, the peers, and the goal.

The test files, the report and the tuner run these, so that they can't mean different things by one name.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks import data, peers
from benchmarks import python_peers as python
from sbcard_core.crypto import cipher, diversify, engine, mac, tac
from sbcard_core.crypto.keys import Cipher, KeyUsage, SecretKey

LOW, EVP, GCRYPT, CTR = "OpenSSL DES_*", "OpenSSL EVP", "libgcrypt", "libgcrypt CTR"
CRYPTOGRAPHY, PYCRYPTODOME = "cryptography", "pycryptodome"
FEW = 300
"""Messages of a Python loop: enough, as it takes microseconds for each."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call without arguments, and how many messages it does."""

    run: Callable[[], Any] = field(repr=False)
    items: int


@dataclass(frozen=True, slots=True)
class Trial:
    """One case on one input. ``bare`` is the kernel alone, results into a buffer made beforehand."""

    ours: Call
    bare: Call | None
    peers: dict[str, Call]


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured and what it must reach.

    ``against`` are the peers that count: the ratio is to the fastest of them. ``goal`` holds at the machine's best
    level, ``portable_goal`` without SIMD; ``reach`` is what we would like.
    """

    name: str
    title: str
    kernel: str
    make: Callable[[int], Trial]
    against: tuple[str, ...] = ()
    goal: float | None = None
    reach: float | None = None
    portable_goal: float | None = None
    per_call: bool = False
    threads: int = 1


def _c(name: str, items: int, size: int, *arguments: Any) -> Call | None:
    run = peers.load().bind(name, size, *arguments)
    return None if run is None else Call(run, items)


def _loop(one: Callable[..., bytes], *columns: tuple[bytes, int], count: int) -> Call:
    few = min(FEW, count)
    return Call(python.each(one, *columns, count=few), few)


def _present(table: dict[str, Call | None]) -> dict[str, Call]:
    return {name: call for name, call in table.items() if call is not None}


def _des_mac(retail: bool, count: int) -> Trial:
    rows, what = data.rows(count), "retail" if retail else "triple"
    padded, length = rows.padded(8)
    public = mac.retail_mac_many if retail else mac.cbc_mac_many
    offsets, out, zero = rows.offsets(), bytearray(8 * count), bytes(8)
    columns = ((rows.keys, 16), (rows.messages, data.LENGTH))
    loops = {CRYPTOGRAPHY: python.cryptography_retail if retail else python.cryptography_triple}
    if python.HAS_PYCRYPTODOME:
        loops[PYCRYPTODOME] = python.pycryptodome_retail if retail else python.pycryptodome_triple

    def bare() -> bytearray:
        engine.des().cbc_mac(rows.keys, 16, zero, rows.messages, offsets, 2, retail, out)
        return out

    return Trial(
        Call(partial(public, rows.keys, rows.messages, message_length=data.LENGTH), count),
        Call(bare, count),
        _present(
            {
                LOW: _c(f"low_{what}", count, 8 * count, rows.keys, padded, length, count),
                EVP: _c(f"evp_{what}", count, 8 * count, rows.keys, padded, length, count),
                **{name: _loop(one, *columns, count=count) for name, one in loops.items()},
            }
        ),
    )


def _tac_verify(count: int) -> Trial:
    rows = data.rows(count)
    padded, length = rows.padded(8)
    city = SecretKey(data.MASTER, KeyUsage.DTK)
    offsets, out = rows.offsets(), bytearray(count)
    tacs = data.spoiled(tac.compute_many(city, rows.factors, rows.messages, message_length=data.LENGTH).tobytes())
    shared = (data.MASTER, rows.factors, padded, length, count, tacs)

    def bare() -> bytearray:
        engine.des().tac_verify(data.MASTER, rows.factors, rows.messages, offsets, tacs, out)
        return out

    def status(factor: bytes, message: bytes, claimed: bytes) -> bytes:
        return bytes((python.cryptography_tac(data.MASTER, factor, message) != claimed,))

    return Trial(
        Call(partial(tac.verify_many, city, rows.factors, rows.messages, tacs, message_length=data.LENGTH), count),
        Call(bare, count),
        _present(
            {
                LOW: _c("low_tac", count, count, *shared),
                EVP: _c("evp_tac", count, count, *shared),
                CRYPTOGRAPHY: _loop(status, (rows.factors, 8), (rows.messages, data.LENGTH), (tacs, 4), count=count),
            }
        ),
    )


def _derive(count: int) -> Trial:
    rows, out = data.rows(count), bytearray(16 * count)
    master = SecretKey(data.MASTER, KeyUsage.DTK)
    spread = diversify.spread(rows.factors)

    def bare() -> bytearray:
        engine.des().derive(data.MASTER, rows.factors, out)
        return out

    return Trial(
        Call(partial(diversify.diversify_many, master, rows.factors), count),
        Call(bare, count),
        _present(
            {
                LOW: _c("low_derive", count, 16 * count, data.MASTER, rows.factors, count),
                EVP: _c("evp_ecb", count, 16 * count, data.MASTER, spread, 2 * count),
                CRYPTOGRAPHY: _loop(partial(python.cryptography_derive, data.MASTER), (rows.factors, 8), count=count),
            }
        ),
    )


def _ecb(count: int) -> Trial:
    rows, blocks = data.rows(count), data.LENGTH // 8 * count
    key, out = SecretKey(data.MASTER, KeyUsage.ENC), bytearray(data.LENGTH * count)

    def bare() -> bytearray:
        engine.des().ecb(data.MASTER, 16, rows.messages, False, out)
        return out

    return Trial(
        Call(partial(cipher.ecb_encrypt, key, rows.messages), count),
        Call(bare, count),
        _present(
            {
                LOW: _c("low_ecb", count, len(out), data.MASTER, rows.messages, blocks),
                EVP: _c("evp_ecb", count, len(out), data.MASTER, rows.messages, blocks),
            }
        ),
    )


def _sm4_mac(count: int) -> Trial:
    rows = data.rows(count)
    padded, length = rows.padded(16)
    offsets, out, zero = rows.offsets(), bytearray(16 * count), bytes(16)
    shared = (count, 16 * count, rows.keys, padded, length, count)

    def bare() -> bytearray:
        engine.of(Cipher.SM4).cbc_mac(rows.keys, 16, zero, rows.messages, offsets, 2, False, out)
        return out

    public = partial(
        mac.cbc_mac_many, rows.keys, rows.messages, message_length=data.LENGTH, cipher=Cipher.SM4, length=16
    )
    return Trial(
        Call(public, count),
        Call(bare, count),
        _present(
            {
                EVP: _c("evp_sm4_mac", *shared),
                GCRYPT: _c("gcry_sm4_mac", *shared),
                CRYPTOGRAPHY: _loop(
                    python.cryptography_sm4, (rows.keys, 16), (rows.messages, data.LENGTH), count=count
                ),
            }
        ),
    )


def _sm4_ecb(count: int) -> Trial:
    """Counter blocks under one key: what counter mode over zeros gives too, so that the results compare."""
    blocks = data.LENGTH // 16 * count
    plain, key = data.counters(blocks), SecretKey(data.MASTER, KeyUsage.ENC, Cipher.SM4)
    out = bytearray(16 * blocks)

    def bare() -> bytearray:
        engine.of(Cipher.SM4).ecb(data.MASTER, 16, plain, False, out)
        return out

    return Trial(
        Call(partial(cipher.ecb_encrypt, key, plain), count),
        Call(bare, count),
        _present(
            {
                CTR: _c("gcry_sm4_ctr", count, len(out), data.MASTER, bytes(len(out)), blocks),
                GCRYPT: _c("gcry_sm4_ecb", count, len(out), data.MASTER, plain, blocks),
                EVP: _c("evp_sm4_ecb", count, len(out), data.MASTER, plain, blocks),
            }
        ),
    )


def _sm4_derive(count: int) -> Trial:
    rows, out = data.rows(count), bytearray(16 * count)
    master = SecretKey(data.MASTER, KeyUsage.DTK, Cipher.SM4)
    spread = diversify.spread(rows.factors)

    def bare() -> bytearray:
        engine.of(Cipher.SM4).derive(data.MASTER, rows.factors, out)
        return out

    return Trial(
        Call(partial(diversify.diversify_many, master, rows.factors), count),
        Call(bare, count),
        _present(
            {
                EVP: _c("evp_sm4_ecb", count, 16 * count, data.MASTER, spread, count),
                GCRYPT: _c("gcry_sm4_ecb", count, 16 * count, data.MASTER, spread, count),
            }
        ),
    )


def _one(public: Callable[[], Any], bare: Callable[[], Any], **others: Callable[[], bytes]) -> Trial:
    return Trial(Call(public, 1), Call(bare, 1), {name: Call(run, 1) for name, run in others.items()})


def _bare_mac(which: Cipher, key: bytes, message: bytes, retail: bool = False) -> Callable[[], bytearray]:
    """The kernel's call alone, everything made beforehand."""
    run, out, zero, places = engine.of(which), bytearray(which.block), bytes(which.block), engine.one(len(message))

    def bare() -> bytearray:
        run.cbc_mac(key, 16, zero, message, places, 2, retail, out)
        return out

    return bare


def _single_retail(_: int) -> Trial:
    rows = data.rows(16)
    key, message = rows.keys[:16], rows.messages[: data.LENGTH]
    others = {CRYPTOGRAPHY: partial(python.cryptography_retail, key, message)}
    if python.HAS_PYCRYPTODOME:
        others[PYCRYPTODOME] = partial(python.pycryptodome_retail, key, message)
    return _one(partial(mac.retail_mac, key, message), _bare_mac(Cipher.TDES, key, message, retail=True), **others)


def _single_triple(_: int) -> Trial:
    rows = data.rows(16)
    key, message = rows.keys[:16], rows.messages[: data.LENGTH]
    others = {CRYPTOGRAPHY: partial(python.cryptography_triple, key, message)}
    if python.HAS_PYCRYPTODOME:
        others[PYCRYPTODOME] = partial(python.pycryptodome_triple, key, message)
    return _one(partial(mac.cbc_mac, key, message), _bare_mac(Cipher.TDES, key, message), **others)


def _single_sm4(_: int) -> Trial:
    rows = data.rows(16)
    key, message = rows.keys[:16], rows.messages[: data.LENGTH]
    ours = partial(mac.cbc_mac, key, message, cipher=Cipher.SM4, length=16)
    others = {CRYPTOGRAPHY: partial(python.cryptography_sm4, key, message)}
    return _one(ours, _bare_mac(Cipher.SM4, key, message), **others)


def _single_derive(_: int) -> Trial:
    factor, out = data.rows(16).factors[:8], bytearray(16)

    def bare() -> bytearray:
        engine.des().derive(data.MASTER, factor, out)
        return out

    ours = partial(diversify.diversify, data.MASTER, factor)
    return _one(ours, bare, **{CRYPTOGRAPHY: partial(python.cryptography_derive, data.MASTER, factor)})


SINGLE_CALLS, BUFFER, ONE_WORKER = "16 single calls", "one buffer", "one worker"


def _batch_of_16(_: int) -> Trial:
    rows = data.rows(16)
    keys = [rows.keys[at : at + 16] for at in range(0, 256, 16)]
    messages = [rows.messages[at : at + data.LENGTH] for at in range(0, len(rows.messages), data.LENGTH)]
    pairs = list(zip(keys, messages, strict=True))

    def singles() -> list[bytes]:
        return [mac.retail_mac(key, message) for key, message in pairs]

    lists = partial(mac.retail_mac_many, keys, messages)
    ours = partial(mac.retail_mac_many, rows.keys, rows.messages, message_length=data.LENGTH)
    return Trial(Call(ours, 16), None, {SINGLE_CALLS: Call(singles, 16), "lists": Call(lists, 16)})


def _lists(count: int) -> Trial:
    rows = data.rows(count)
    keys = [rows.keys[at : at + 16] for at in range(0, len(rows.keys), 16)]
    messages = [rows.messages[at : at + data.LENGTH] for at in range(0, len(rows.messages), data.LENGTH)]
    buffer = partial(mac.retail_mac_many, rows.keys, rows.messages, message_length=data.LENGTH)
    return Trial(Call(partial(mac.retail_mac_many, keys, messages), count), None, {BUFFER: Call(buffer, count)})


def _two_workers(count: int) -> Trial:
    rows = data.rows(count)
    call = partial(mac.retail_mac_many, rows.keys, rows.messages, message_length=data.LENGTH)
    return Trial(Call(partial(call, workers=2), count), None, {ONE_WORKER: Call(call, count)})


CASES = {
    case.name: case
    for case in (
        Case("retail", "retail MAC, own keys", "des", partial(_des_mac, True), (LOW,), 14, 20, 3),
        Case("triple", "3DES CBC-MAC, own keys", "des", partial(_des_mac, False), (EVP,), 17),
        Case("tac", "TAC verify with derivation", "des", _tac_verify, (LOW,), 12, 15),
        Case("derive", "diversify, one master", "des", _derive, (LOW,)),
        Case("ecb", "3DES ECB, one key, 48 bytes", "des", _ecb, (LOW, EVP), 10),
        Case("sm4_mac", "SM4 CBC-MAC, own keys", "sm4", _sm4_mac, (EVP, GCRYPT), 8),
        Case("sm4_ecb", "SM4 ECB, one key, 48 bytes", "sm4", _sm4_ecb, (CTR,), 1.1),
        Case("sm4_derive", "SM4 diversify, one master", "sm4", _sm4_derive, (EVP, GCRYPT)),
        Case("single_retail", "one retail MAC", "des", _single_retail, (CRYPTOGRAPHY,), 4, 8, per_call=True),
        Case("single_triple", "one 3DES CBC-MAC", "des", _single_triple, (CRYPTOGRAPHY,), per_call=True),
        Case("single_derive", "one diversification", "des", _single_derive, (CRYPTOGRAPHY,), per_call=True),
        Case("single_sm4", "one SM4 CBC-MAC", "sm4", _single_sm4, (CRYPTOGRAPHY,), per_call=True),
        Case("batch16", "16 retail MACs in one batch", "des", _batch_of_16, (SINGLE_CALLS,), 1, per_call=True),
        Case("lists", "retail MAC, lists of bytes", "des", _lists, (BUFFER,)),
        Case("workers", "retail MAC, two workers", "des", _two_workers, (ONE_WORKER,), threads=2),
    )
}


def as_bytes(result: Any) -> bytes:
    """Any result as bytes side by side: a list, an array or a buffer."""
    return b"".join(result) if isinstance(result, list) else memoryview(result).tobytes()


def compare(case: str, ours: Any, trial: Trial, name: str, theirs: Any) -> None:
    """Stop unless a peer's result is ours, as far as the peer went.

    Raises:
        AssertionError: it differs.
    """
    mine, other = as_bytes(ours), as_bytes(theirs)
    share = len(mine) * trial.peers[name].items // trial.ours.items
    if len(other) != share or mine[:share] != other:
        raise AssertionError(f"{case}: ours and {name} differ")
