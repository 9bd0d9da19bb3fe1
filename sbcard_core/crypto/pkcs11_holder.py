"""A PKCS#11 token as a key holder (extra ``hsm``): 3DES and AES. SM4 has no standard key type there.

City, card and process keys are derived inside the token (CKM_DES3_ECB_ENCRYPT_DATA)
as session objects that can't be read, and destroyed after each call. A retail MAC
is composed in the token: a two-key 3DES key of twice the left half is single DES.
A TAC key, left XOR right, can't be made there by any standard mechanism: TACs
work only where policy lets *card* keys leave the token; masters never do.

One to four calls of the token for each card: measure your own token.
"""

import ctypes
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

from sbcard_core.crypto import auth, bulk, tac
from sbcard_core.crypto.auth import AuthRules, ProcessKeyRule
from sbcard_core.crypto.bulk import Messages, Rows
from sbcard_core.crypto.diversify import spread
from sbcard_core.crypto.errors import HolderFailed, KeyMissing, KeyRefused, unset
from sbcard_core.crypto.holder import (
    HolderBase,
    count_of,
    may_authenticate,
    may_encrypt,
    may_mac,
    rows_of,
    whole,
)
from sbcard_core.crypto.kcv import check_value
from sbcard_core.crypto.keys import Cipher, KeyUsage, SecretKey, refuse_weak
from sbcard_core.crypto.padding import pad
from sbcard_core.crypto.pkcs11_tokens import asking, find_objects, open_session, package
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

_STEP = "crypto.pkcs11_holder"


class _Path:
    """Keys derived in the token during one call; all are destroyed at its end."""

    def __init__(self) -> None:
        self._made: list[Any] = []
        self._kept: dict[tuple[Any, bytes], Any] = {}

    def derive(self, parent: Any, data: bytes, *, keep: bool = False) -> Any:
        """A two-key 3DES key: ``data`` (16 bytes) encrypted under ``parent``; ``keep`` for keys that come again."""
        name = (id(parent), data)
        if name in self._kept:
            return self._kept[name]
        pkcs11 = package()
        text = ctypes.create_string_buffer(data, len(data))
        attribute = pkcs11.Attribute
        with asking("derive"):
            made = parent.derive_key(
                pkcs11.KeyType.DES2,
                128,
                mechanism=pkcs11.Mechanism.DES3_ECB_ENCRYPT_DATA,
                mechanism_param=struct.pack("@PL", ctypes.addressof(text), len(data)),  # CK_KEY_DERIVATION_STRING_DATA
                template={
                    attribute.VALUE_LEN: pkcs11.constants.DEFAULT,
                    attribute.ENCRYPT: True,
                    attribute.DERIVE: True,
                    attribute.SENSITIVE: True,
                    attribute.EXTRACTABLE: False,
                },
            )
        self._made.append(made)
        if keep:
            self._kept[name] = made
        return made

    def close(self) -> None:
        """Destroy what was derived."""
        with asking("destroy"):
            while self._made:
                self._made.pop().destroy()


@contextmanager
def _path() -> Iterator[_Path]:
    path = _Path()
    try:
        yield path
    finally:
        path.close()


class Pkcs11KeyHolder(HolderBase):
    """Keys in a PKCS#11 token, found by label.

    Args:
        session: an open session of ``python-pkcs11``; the holder closes it.
        labels: label of each usage's key; the usage's own name by default.
        auth_rules: the profile's rules for what is not public.
        card_keys_may_leave: whether policy lets the keys of single cards leave the token, for TACs.
    """

    name = "PKCS#11 token"

    def __init__(
        self,
        session: Any,
        *,
        labels: Mapping[KeyUsage, str] | None = None,
        auth_rules: AuthRules = auth.UNSET,
        card_keys_may_leave: bool = False,
    ) -> None:
        self._session, self._labels, self._rules = session, labels or {}, auth_rules
        self._may_leave = card_keys_may_leave
        self._keys: dict[KeyUsage, tuple[Cipher, Any]] = {}
        self._is_closed = False

    @classmethod
    def open(cls, module: str, token: str, pin: str, *, serial: str = "", **how: Any) -> Self:
        """Open a token by the path of its library, its label and its user PIN.

        A login is the process's, not the session's: a second holder of the same token shares that of the first,
        whatever its PIN, and loses it when the first is closed.

        Args:
            module: path of the library.
            token: label of the token.
            pin: user PIN.
            serial: serial number of the token, where several have the label.
            how: see the class.

        Raises:
            MissingPart: ``python-pkcs11`` is not installed.
            FileRefused: the library is no regular file.
            HolderFailed: no such library or token, several tokens of that label, or a wrong PIN.
        """
        return cls(open_session(module, token, pin, serial=serial, rw=True, shares_login=True), **how)

    def _key(self, usage: KeyUsage) -> tuple[Cipher, Any]:
        """The key of a usage, and the cipher it is for."""
        if usage not in self._keys:
            pkcs11 = package()
            label = self._labels.get(usage, usage.value)
            template = {pkcs11.Attribute.LABEL: label, pkcs11.Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY}
            with asking("find"):
                found = find_objects(self._session, template)
            if not found:
                raise KeyMissing(message("cards.token.no_key", usage=usage.value), step=_STEP, term="主密钥")
            if len(found) > 1:
                what = message("cards.token.keys", count=len(found), usage=usage.value)
                raise HolderFailed(what, step=_STEP, term="主密钥")
            self._keys[usage] = self._cipher_of(found[0], usage), found[0]
        return self._keys[usage]

    @staticmethod
    def _cipher_of(key: Any, usage: KeyUsage) -> Cipher:
        """The cipher of a key's type."""
        types = package().KeyType
        ciphers = {types.DES2: Cipher.TDES, types.DES3: Cipher.TDES, types.AES: Cipher.AES}
        try:
            with asking("find"):
                kind = key.key_type
        except ValueError:  # the package knows the standard's types only
            what = message("cards.token.vendor_type", usage=usage.value)
            raise HolderFailed(what, step=_STEP, term="主密钥") from None
        if kind not in ciphers:
            found = getattr(kind, "name", str(kind)).lstrip("_")
            raise HolderFailed(message("cards.token.type", usage=usage.value, found=found), step=_STEP, term="主密钥")
        return ciphers[kind]

    def _ecb(self, cipher: Cipher, key: Any, data: bytes) -> bytes:
        mechanism = package().Mechanism
        way = mechanism.AES_ECB if cipher is Cipher.AES else mechanism.DES3_ECB
        with asking("encrypt"):
            made: bytes = key.encrypt(data, mechanism=way)
        return made

    def _master(self, usage: KeyUsage) -> Any:
        cipher, key = self._key(usage)
        if cipher is not Cipher.TDES:
            raise self._unable(f"derive from a {cipher.value} key")
        return key

    def kcv(self, usage: KeyUsage) -> str:
        """Check value of a key in the token."""
        cipher, key = self._key(usage)
        return self._ecb(cipher, key, bytes(cipher.block))[:3].hex().upper()

    @staticmethod
    def _below(path: _Path, key: Any, factors: list[bytes]) -> Any:
        """Down the levels above the card; a city's key is kept during the call."""
        for factor in factors:
            key = path.derive(key, spread(factor), keep=True)
        return key

    def cryptogram_many(
        self, usage: KeyUsage, factors: bytes, process: bytes, originals: bytes, *, levels: int = 2
    ) -> bytes:
        """See ``KeyHolder``: card and process key are derived in the token.

        Raises:
            AssumptionNotSet: the process key rule is not set.
            HolderFailed: the token refuses.
        """
        may_authenticate(usage)
        rule = self._rules.process_key
        if rule is None:
            raise unset("process_key", "过程密钥", _STEP)
        master, count, out = self._master(usage), count_of(originals, process), []
        with _path() as path:
            for i, row in enumerate(rows_of(factors, levels, count)):
                card = self._below(path, master, row[:-1])
                for factor in row[-1:]:
                    card = path.derive(card, spread(factor))
                turn = process[8 * i : 8 * i + 8]
                last = spread(turn) if rule is ProcessKeyRule.DIVERSIFY_16 else turn * 2
                out.append(self._ecb(Cipher.TDES, path.derive(card, last), originals[8 * i : 8 * i + 8]))
        return b"".join(out)

    def mac_many(
        self,
        usage: KeyUsage,
        factors: bytes,
        messages: Messages,
        offsets: Any = None,
        *,
        message_length: int | None = None,
        levels: int = 2,
        iv: bytes | None = None,
        length: int = 4,
    ) -> Rows:
        """See ``KeyHolder``: retail MAC under derived 3DES keys, CMAC under an AES key (``levels=0``).

        Raises:
            HolderUnable: a 3DES key that is not derived: its halves can't be used one by one.
        """
        may_mac(usage)
        batch = bulk.pack(messages, offsets, message_length, step=_STEP)
        texts = [bytes(batch.data[batch.offsets[i] : batch.offsets[i + 1]]) for i in range(batch.count)]
        if not levels:
            made, width = self._cmacs(usage, texts, iv), 16
        else:
            made, width = self._retail_macs(self._master(usage), rows_of(factors, levels, batch.count), texts, iv), 8
        if not 1 <= length <= width:
            raise InvalidValue(f"a MAC of {length} bytes from a block of {width}", step=_STEP)
        return bulk.deliver(bytearray(b"").join(made), width, length, batch.form)

    def _cmacs(self, usage: KeyUsage, texts: list[bytes], iv: bytes | None) -> list[bytes]:
        cipher, key = self._key(usage)
        if cipher is not Cipher.AES or iv is not None:
            raise self._unable(f"compute MACs under a {cipher.value} key itself, or CMACs with an IV")
        with asking("mac"):
            return [key.sign(text, mechanism=package().Mechanism.AES_CMAC) for text in texts]

    def _retail_macs(self, master: Any, rows: list[list[bytes]], texts: list[bytes], iv: bytes | None) -> list[bytes]:
        start, out = bytes(8) if iv is None else iv, []
        if len(start) != 8:
            raise InvalidValue("an IV of 3DES has 8 bytes", step=_STEP)
        cbc = package().Mechanism.DES3_CBC
        with _path() as path:
            for row, text in zip(rows, texts, strict=True):
                above = self._below(path, master, row[:-1])
                padded, state = pad(text), start
                if len(padded) > 8:
                    left_twice = path.derive(above, row[-1] * 2)
                    with asking("mac"):
                        state = left_twice.encrypt(padded[:-8], mechanism=cbc, mechanism_param=start)[-8:]
                last = bytes(a ^ b for a, b in zip(state, padded[-8:], strict=True))
                out.append(self._ecb(Cipher.TDES, path.derive(above, spread(row[-1])), last))
        return out

    def encrypt_many(self, usage: KeyUsage, factors: bytes, data: Sequence[bytes], *, levels: int = 2) -> list[bytes]:
        """See ``KeyHolder``."""
        may_encrypt(usage)
        cipher, key = self._key(usage)
        rows = rows_of(factors, levels, len(data))
        if levels:
            self._master(usage)
        out = []
        with _path() as path:
            for row, item in zip(rows, data, strict=True):
                one = self._below(path, key, row[:-1])
                for factor in row[-1:]:
                    one = path.derive(one, spread(factor))
                out.append(self._ecb(cipher, one, whole(item, cipher.block)))
        return out

    def tac_verify_many(
        self,
        factors: bytes,
        messages: Messages,
        tacs: Any,
        offsets: Any = None,
        *,
        message_length: int | None = None,
        levels: int = 2,
    ) -> Any:
        """See ``KeyHolder``; the cards' DTKs leave the token in one call for each city, and are wiped after it.

        Raises:
            HolderUnable: policy keeps card keys in the token.
        """
        if not self._may_leave:
            raise self._unable("verify TACs while card keys may not leave it")
        master = self._master(KeyUsage.DTK)
        rows = rows_of(factors, levels, len(factors) // (8 * levels))
        keys = bytearray(16 * len(rows))
        groups: dict[tuple[bytes, ...], list[int]] = {}
        for at, row in enumerate(rows):
            groups.setdefault(tuple(row[:-1]), []).append(at)
        with _path() as path:
            for above, places in groups.items():
                city = self._below(path, master, list(above))
                made = self._ecb(Cipher.TDES, city, spread(b"".join(rows[at][-1] for at in places)))
                for i, at in enumerate(places):
                    keys[16 * at : 16 * at + 16] = made[16 * i : 16 * i + 16]
        try:
            return tac.verify_cards_many(keys, messages, tacs, offsets, message_length=message_length)
        finally:
            keys[:] = bytes(len(keys))

    def close(self) -> None:
        """Close the session; closing twice does no harm."""
        self._keys.clear()
        if not self._is_closed:
            self._is_closed = True
            with asking("close"):
                self._session.close()


def import_key(session: Any, key: SecretKey, label: str = "", *, permanent: bool = True) -> None:
    """Put a key into a token so that it can't be read out again, and check it there.

    Args:
        session: an open read-write session of ``python-pkcs11``.
        key: 16 or 24 bytes of 3DES, or AES.
        label: the usage's name by default.
        permanent: whether it stays after the session.

    Raises:
        KeyRefused: single DES and SM4: a token's standard mechanisms don't know them.
        WeakKey: a 3DES key of no more strength than single DES.
        HolderFailed: the token refuses, or computes another check value.
    """
    pkcs11 = package()
    refuse_weak(key)
    kinds = {(Cipher.TDES, 16): pkcs11.KeyType.DES2, (Cipher.TDES, 24): pkcs11.KeyType.DES3}
    kind = pkcs11.KeyType.AES if key.algorithm is Cipher.AES else kinds.get((key.algorithm, len(key.buffer())))
    if kind is None:
        raise KeyRefused(f"a {key.algorithm.value} key of this length can't be put into a token", step=_STEP)
    attribute = pkcs11.Attribute
    template = {
        attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY,
        attribute.KEY_TYPE: kind,
        attribute.LABEL: label or key.usage.value,
        attribute.VALUE: key.material(),
        attribute.TOKEN: permanent,
        attribute.PRIVATE: True,
        attribute.SENSITIVE: True,
        attribute.EXTRACTABLE: False,
        attribute.ENCRYPT: True,
        attribute.DERIVE: key.algorithm is Cipher.TDES,
        attribute.SIGN: key.algorithm is Cipher.AES,
    }
    ecb = pkcs11.Mechanism.AES_ECB if key.algorithm is Cipher.AES else pkcs11.Mechanism.DES3_ECB
    with asking("take"):
        made = session.create_object(template)
        there = made.encrypt(bytes(key.algorithm.block), mechanism=ecb)[:3].hex().upper()
    if there != check_value(key):
        raise HolderFailed(message("cards.token.check_value"), step=_STEP, term="密钥校验值")
