"""密钥库文件: master keys at rest, AES-256-GCM under a key that scrypt makes of a passphrase.

The file is one JSON object in ASCII: a readable head (form, generation, scrypt
parameters, salt, nonce, and a check of the passphrase), the encrypted body, and
a digest of all of it, so that damage, a wrong passphrase and an old copy are
told apart. Every key is held against its check value when it is loaded. The body in clear is wiped, and no error keeps
any of it.

What it can't do: who holds the file and the passphrase holds the keys. Where
policy asks for hardware, use a PSAM or a token, see ``crypto.holder``.
"""

import hmac
import json
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from hashlib import scrypt, sha256
from pathlib import Path
from typing import Any, Final

from sbcard_core.crypto.errors import (
    KeyStoreDamaged,
    KeyStoreRolledBack,
    TestKeyRefused,
    WrongPassphrase,
)
from sbcard_core.crypto.kcv import check_kcv
from sbcard_core.crypto.keys import Cipher, KeyUsage, SecretKey
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.crypto.passphrase import new_passphrase, spellings
from sbcard_core.errors import SBCardError
from sbcard_core.files import open_input, replace_file
from sbcard_core.messages import message

FORM: Final = "sbcard-keys-1"
MAX_SIZE: Final = 1 << 20
"""A key store is small; a larger file is none."""
LEAST_PASSPHRASE: Final = 12
"""Characters."""
COST: Final = 1 << 15
"""scrypt's N: 32 MiB and about a tenth of a second."""
LEAST_COST: Final = 1 << 14
MOST_COST: Final = 1 << 18
_STEP = "crypto.keyfile"
_BLOCK_SIZE, _PARALLEL = 8, 1
_TAG = 16

PUBLISHED: Final = frozenset(
    {
        "8deef821992db0d2",  # the published PBOC load example
        "5764ab687e907962",  # GB/T 32907 annex A
        "c6284bfc0b91bac7",  # zeros
        "12411ca3695904e5",  # GlobalPlatform default
        "e9a104871700f723",  # a published PIN key
        "20657e41a03c1428",  # ones
        "297dff530ea4add4",  # ones binary
        "d2ca80476ac7f599",  # FF
        "a54f7c989f684836",  # 0123..
        "33e8575e3895caff",  # NIST AES
        "1e81b72e619fea1e",  # 1..8
        "7395ce9ab2de2190",  # 00112233
    }
)
"""Digests of keys out of standards, manuals and blank cards: nobody's secret. Of their cipher form, see below."""


def _digest(material: bytes) -> str:
    """Digest of what a key is to a cipher: DES ignores the lowest bit of a byte, and K1 K2 K1 is K1 K2."""
    effective = bytes(byte & 0xFE for byte in material)
    if len(effective) == 8:
        effective *= 2
    if effective[16:] == effective[:8]:
        effective = effective[:16]
    return sha256(b"published key" + effective).hexdigest()[:16]


def save(
    path: Path,
    keys: MasterKeys,
    passphrase: str,
    *,
    generation: int = 1,
    cost: int = COST,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> None:
    """Write master keys to a file, all or nothing: a crash leaves the old file or the new one.

    Args:
        path: the file; its directory must exist. It gets mode 600.
        keys: what to write; whether they are test keys is written with them.
        passphrase: 12 characters or more; composed, decomposed and full-width characters are the same.
        generation: a number that grows with every change; keep the last one apart, see :func:`load`.
        cost: scrypt's N, a power of two.
        random: source of salt and nonce.

    Raises:
        KeyStoreRolledBack: the file there has this generation or a later one.
        FileRefused: a link, or no regular file, has the name.
        TestKeyRefused: a published example key in a store that is not marked as test keys.
        SBCardError: the passphrase is too short, or the cost out of range.
    """
    words = new_passphrase(passphrase, LEAST_PASSPHRASE, _STEP)
    if not _cost_is_right(cost):
        raise SBCardError(f"scrypt's cost is a power of two from {LEAST_COST} to {MOST_COST}", step=_STEP)
    if path.exists() and generation <= _head_of(_read(path))["generation"]:
        raise _rolled_back("newer")
    for usage in keys:
        if not keys.is_test and _digest(keys.get(usage).material()) in PUBLISHED:
            raise _test_refused("published", usage=usage.value)
    salt, nonce = random(16), random(12)
    cipher_key, check_key = _stretch(words, salt, cost)
    head = {
        "form": FORM,
        "generation": generation,
        "test": keys.is_test,
        "n": cost,
        "salt": _b64(salt),
        "nonce": _b64(nonce),
    }
    head["check"] = _b64(hmac.digest(check_key, _bytes(head), "sha256"))
    clear = _clear(keys)
    body = _gcm(cipher_key).encrypt(nonce, clear, _bytes(head))
    clear[:] = bytes(len(clear))
    whole: dict[str, Any] = {**head, "body": _b64(body)}
    whole["sha256"] = sha256(_bytes(whole)).hexdigest()
    replace_file(path, _bytes(whole))


def load(path: Path, passphrase: str, *, least_generation: int = 0, simulator: bool = False) -> MasterKeys:
    """Read a key store and check every key against its check value.

    Args:
        path: the file.
        passphrase: as it was written with.
        least_generation: the last generation known elsewhere (a database, a printed record): an older file is a
            copy that somebody put back.
        simulator: whether the caller is a simulator and may use test keys.

    Raises:
        KeyStoreDamaged: cut or changed, or no key store.
        WrongPassphrase: the passphrase is another one.
        KeyStoreRolledBack: the generation is below ``least_generation``.
        TestKeyRefused: test keys outside a simulator.
        KcvMismatch: a key does not give its check value.
    """
    whole = _read(path)
    head = _head_of(whole)
    claimed = _unb64(head.pop("check"))
    for words in spellings(passphrase, _STEP):
        cipher_key, check_key = _stretch(words, _unb64(head["salt"]), head["n"])
        if hmac.compare_digest(hmac.digest(check_key, _bytes(head), "sha256"), claimed):
            break
    else:
        raise WrongPassphrase(message("cards.passphrase.wrong"), step=_STEP, term="口令")
    head["check"] = _b64(claimed)
    clear = _opened(cipher_key, head, _unb64(whole["body"]))
    try:
        if head["generation"] < least_generation:
            raise _rolled_back("seen", generation=head["generation"], least=least_generation)
        if head["test"] and not simulator:
            raise _test_refused("held")
        return MasterKeys(_keys(clear), is_test=bool(head["test"]))
    finally:
        clear[:] = bytes(len(clear))


_ROW = re.compile(rb'\["([^"]*)","([^"]*)","([0-9a-f]*)","([^"]*)"\](,?)')


def _clear(keys: MasterKeys) -> bytearray:
    """The body: ``{"keys":[[usage,cipher,hex,check value],…]}``, digit by digit, so that no text of a key is left."""
    out = bytearray(b'{"keys":[')
    for usage in keys:
        key = keys.get(usage)
        out += f'["{usage.value}","{key.algorithm.value}","'.encode("ascii")
        for byte in key.buffer():
            out += b"%02x" % byte
        out += f'","{key.kcv}"],'.encode("ascii")
    if out.endswith(b","):
        out.pop()
    return out + b"]}"


def _keys(clear: bytearray) -> dict[KeyUsage, SecretKey]:
    """The keys of a body, read where they lie: no JSON parser, whose texts and errors would keep them."""
    keys: dict[KeyUsage, SecretKey] = {}
    at, end = len(b'{"keys":['), len(clear) - len(b"]}")
    try:
        while at < end:
            row = _ROW.match(clear, at, end)
            if row is None:
                raise _damaged("content_form")
            low, high = row.span(3)
            material = bytearray(int(clear[place : place + 2], 16) for place in range(low, high, 2))
            key = SecretKey(material, KeyUsage(row[1].decode("ascii")), Cipher(row[2].decode("ascii")))
            material[:] = bytes(len(material))
            keys[key.usage] = key
            check_kcv(key, row[4].decode("ascii"))
            at = row.end()
    except SBCardError:
        for key in keys.values():
            key.close()
        raise
    return keys


def _opened(cipher_key: bytes, head: Mapping[str, Any], body: bytes) -> bytearray:
    """The body in clear; whoever takes it wipes it."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - heavy

    cipher, nonce = _gcm(cipher_key), _unb64(head["nonce"])
    clear = bytearray(max(0, len(body) - _TAG))
    try:
        if hasattr(cipher, "decrypt_into"):  # cryptography 44 and later
            cipher.decrypt_into(nonce, body, _bytes(head), clear)
        else:
            clear[:] = cipher.decrypt(nonce, body, _bytes(head))
    except (InvalidTag, ValueError):
        clear = bytearray()
    if not (clear.startswith(b'{"keys":[') and clear.endswith(b"]}")):
        raise _damaged("content")
    return clear


def _gcm(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - heavy

    return AESGCM(key)


def _stretch(words: bytes, salt: bytes, cost: int) -> tuple[bytes, bytes]:
    """Two keys of 32 bytes: one encrypts, one proves the passphrase."""
    made = scrypt(
        words,
        salt=salt,
        n=cost,
        r=_BLOCK_SIZE,
        p=_PARALLEL,
        maxmem=256 * cost * _BLOCK_SIZE,
        dklen=64,
    )
    return made[:32], made[32:]


def _read(path: Path) -> dict[str, Any]:
    with open_input(path) as file:
        raw = file.read(MAX_SIZE + 1)
    try:
        whole: dict[str, Any] = json.loads(raw) if len(raw) <= MAX_SIZE else {}
        digest = whole.pop("sha256")
    except (ValueError, KeyError, AttributeError, TypeError):
        raise _damaged("cut") from None
    if not hmac.compare_digest(str(digest).encode(), sha256(_bytes(whole)).hexdigest().encode()):
        raise _damaged("digest")
    return whole


_HEAD = {"form": str, "generation": int, "test": bool, "n": int, "salt": str, "nonce": str, "check": str}


def _head_of(whole: Mapping[str, Any]) -> dict[str, Any]:
    head = {name: whole.get(name) for name in _HEAD}
    right = all(type(head[name]) is kind for name, kind in _HEAD.items()) and isinstance(whole.get("body"), str)
    if not right or head["form"] != FORM or not _cost_is_right(int(head["n"] or 0)):
        raise _damaged("head")
    return head


def _cost_is_right(cost: int) -> bool:
    return LEAST_COST <= cost <= MOST_COST and cost & (cost - 1) == 0


def _bytes(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _b64(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")


def _unb64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise _damaged("base64") from None


def _damaged(why: str) -> KeyStoreDamaged:
    return KeyStoreDamaged(message(f"cards.keyfile.{why}"), step=_STEP, term="密钥库文件")


def _rolled_back(why: str, **found: int) -> KeyStoreRolledBack:
    return KeyStoreRolledBack(message(f"cards.keyfile.{why}", **found), step=_STEP, term="密钥库文件")


def _test_refused(why: str, **found: str) -> TestKeyRefused:
    return TestKeyRefused(message(f"cards.keyfile.{why}", **found), step=_STEP, term="测试密钥")
