"""Keys in this process as a key holder: the only one that reaches the benchmarks' figures.

Where policy does not allow master keys in software, neither this class nor those
figures apply: use a PSAM, a token or a security module.
"""

from collections.abc import Sequence
from typing import Any

from sbcard_core.crypto import auth, engine, purse, tac
from sbcard_core.crypto.auth import AuthRules
from sbcard_core.crypto.bulk import Messages, Rows
from sbcard_core.crypto.cmac import cmac_many
from sbcard_core.crypto.diversify import diversify, diversify_many
from sbcard_core.crypto.errors import HolderFailed, TestKeyRefused
from sbcard_core.crypto.holder import (
    HolderBase,
    PurchaseOpening,
    PurchaseRequest,
    check_rows,
    count_of,
    may_authenticate,
    may_encrypt,
    may_mac,
    whole,
)
from sbcard_core.crypto.keys import Cipher, KeyUsage, SecretKey
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.crypto.mac import cbc_mac_many, retail_mac_many, verify
from sbcard_core.crypto.rules import UNSET, PurseRules
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

_STEP = "crypto.holder"


class SoftwareKeyHolder(HolderBase):
    """Keys in this process, from a key store.

    Args:
        keys: the master keys; the holder closes them when it is closed.
        simulator: whether this is a simulator, which alone may use test keys.
        auth_rules, purse_rules: the profile's rules for what is not public.
        terminal_no: 6 bytes, for a holder that opens purchases.
        first_txn_no: where its transaction counter goes on; keep the next one in a durable place.

    Raises:
        TestKeyRefused: test keys outside a simulator.

    Example:
        >>> with SoftwareKeyHolder(MasterKeys.simulation(1), simulator=True) as holder:
        ...     macs = holder.mac_many(KeyUsage.STK, b"430100sxcardcard", [b"command"])
        >>> len(macs[0])
        4
    """

    name = "software key store"

    def __init__(
        self,
        keys: MasterKeys,
        *,
        simulator: bool = False,
        auth_rules: AuthRules = auth.UNSET,
        purse_rules: PurseRules = UNSET,
        terminal_no: bytes = b"",
        first_txn_no: int = 1,
    ) -> None:
        if keys.is_test and not simulator:
            raise TestKeyRefused(message("cards.key.test"), step=_STEP, term="测试密钥")
        self._keys, self._auth, self._purse = keys, auth_rules, purse_rules
        self._terminal_no, self.next_txn_no = terminal_no, first_txn_no
        self._open: tuple[SecretKey, int] | None = None

    def kcv(self, usage: KeyUsage) -> str:
        """Check value of a master key."""
        return self._keys.get(usage).kcv

    def _card_keys(self, usage: KeyUsage, factors: bytes, levels: int, count: int) -> tuple[Cipher, bytearray]:
        master = self._keys.get(usage)
        check_rows(factors, levels, count)
        if not count:
            return master.algorithm, bytearray()
        rows = diversify_many(master, [factors[at : at + 8 * levels] for at in range(0, len(factors), 8 * levels)],
                              levels=levels)  # fmt: skip
        return master.algorithm, bytearray(b"").join(rows)

    def cryptogram_many(
        self, usage: KeyUsage, factors: bytes, process: bytes, originals: bytes, *, levels: int = 2
    ) -> bytes:
        """See :class:`KeyHolder`.

        Raises:
            AssumptionNotSet: the process key rule is not set.
            KeyRefused: a usage that does not authenticate.
        """
        may_authenticate(usage)
        count = count_of(originals, process)
        cipher, keys = self._card_keys(usage, factors, levels, count)
        try:
            return auth.cryptogram_many(keys, process, originals, cipher=cipher, rules=self._auth)
        finally:
            keys[:] = bytes(len(keys))

    def mac_many(
        self,
        usage: KeyUsage,
        factors: bytes,
        messages: Messages,
        offsets: Any = None,
        *,
        message_length: int | None = None,
        levels: int = 2,
        iv: Any = None,
        length: int = 4,
        workers: int = 1,
    ) -> Rows:
        """See :class:`KeyHolder`; ``workers`` threads."""
        may_mac(usage)
        how: dict[str, Any] = {"message_length": message_length, "workers": workers, "length": length}
        if not levels:
            return self._mac(self._keys.get(usage).algorithm, self._keys.get(usage), messages, offsets, iv, how)
        count = len(factors) // (8 * levels)
        cipher, keys = self._card_keys(usage, factors, levels, count)
        try:
            return self._mac(cipher, keys, messages, offsets, iv, how)
        finally:
            keys[:] = bytes(len(keys))

    @staticmethod
    def _mac(cipher: Cipher, keys: Any, messages: Messages, offsets: Any, iv: Any, how: dict[str, Any]) -> Rows:
        if cipher is Cipher.AES:
            return cmac_many(keys, messages, offsets, cipher=cipher, iv=iv, **how)
        make = retail_mac_many if cipher is Cipher.TDES else cbc_mac_many
        return make(keys, messages, offsets, cipher=cipher, iv=iv, **how)

    def encrypt_many(self, usage: KeyUsage, factors: bytes, data: Sequence[bytes], *, levels: int = 2) -> list[bytes]:
        """See :class:`KeyHolder`.

        Raises:
            KeyRefused: a key that is for MACs, or for deriving only.
            InvalidValue: data that is no whole number of blocks.
        """
        may_encrypt(usage)
        if not levels:
            key = self._keys.get(usage)
            return [engine.ecb(key.algorithm, key.buffer(), whole(item, key.algorithm.block)) for item in data]
        cipher, keys = self._card_keys(usage, factors, levels, len(data))
        try:
            blocks = [len(whole(item, cipher.block)) // cipher.block for item in data]
            wide = b"".join(bytes(keys[16 * i : 16 * i + 16]) * n for i, n in enumerate(blocks))
            made = engine.ecb(cipher, wide, b"".join(data), key_length=16)
        finally:
            keys[:] = bytes(len(keys))
        out, at = [], 0
        for item in data:
            out.append(made[at : at + len(item)])
            at += len(item)
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
        workers: int = 1,
    ) -> Any:
        """See :class:`KeyHolder`; records of one city (one path above the card) share its key.

        Raises:
            KeyRefused: the DTK is no 3DES key and several cities come in one batch of arrays.
        """
        master = self._keys.get(KeyUsage.DTK)
        width = 8 * levels
        if levels < 1 or len(factors) % width:
            raise InvalidValue(f"rows of {levels} × 8 bytes of factors", step=_STEP, term="分散因子")
        how: dict[str, Any] = {"message_length": message_length, "rules": self._purse, "workers": workers}
        paths = [bytes(factors[at : at + width]) for at in range(0, len(factors), width)]
        above = {path[:-8] for path in paths}
        if len(above) <= 1:
            key = self._above(master, next(iter(above), b""))
            cards = b"".join(path[-8:] for path in paths)
            return tac.verify_many(key, cards, messages, tacs, offsets, **how)
        if not isinstance(messages, list | tuple):
            raise InvalidValue(message("cards.holder.city"), step=_STEP)
        return self._by_city(master, paths, messages, tacs, how)

    def _above(self, master: SecretKey, path: bytes) -> SecretKey:
        return diversify(master, *(path[at : at + 8] for at in range(0, len(path), 8))) if path else master

    def _by_city(
        self, master: SecretKey, paths: list[bytes], messages: Sequence[bytes], tacs: Any, how: dict[str, Any]
    ) -> list[tac.TacStatus]:
        if not len(paths) == len(messages) == len(tacs):
            raise InvalidValue(f"{len(paths)} factors, {len(messages)} messages, {len(tacs)} TACs", step=_STEP)
        out: list[Any] = [None] * len(paths)
        groups: dict[bytes, list[int]] = {}
        for at, path in enumerate(paths):
            groups.setdefault(path[:-8], []).append(at)
        for path, places in groups.items():
            with self._above(master, path) as key:
                cards = b"".join(paths[at][-8:] for at in places)
                found = tac.verify_many(key, cards, [messages[at] for at in places], [tacs[at] for at in places], **how)
            for at, status in zip(places, found, strict=True):
                out[at] = status
        return out

    def begin_purchase(self, request: PurchaseRequest) -> PurchaseOpening:
        """Open a purchase as a PSAM would, and count it."""
        if len(self._terminal_no) != 6:
            raise HolderFailed(message("cards.holder.terminal"), step=_STEP, term="终端机编号")
        number = self.next_txn_no.to_bytes(4, "big")
        with diversify(self._keys.get(KeyUsage.DPK), *request.factors) as key:
            session = purse.purchase_session_key(
                key, request.card_random, request.card_txn_no, number, rules=self._purse
            )
        mac1 = purse.purchase_mac1(
            session, request.amount_fen, request.transaction_type, self._terminal_no, request.at, rules=self._purse
        )
        self.next_txn_no += 1
        self._open = session, request.amount_fen
        return PurchaseOpening(number, mac1)

    def finish_purchase(self, mac2: bytes) -> None:
        """Check MAC2; the purchase that was opened is over either way.

        Raises:
            MacMismatch: it is not the card's.
            HolderFailed: no purchase is open.
        """
        opened, self._open = self._open, None
        if opened is None:
            raise HolderFailed(message("cards.holder.no_purchase"), step=_STEP)
        session, amount = opened
        with session:
            verify(purse.purchase_mac2(session, amount, rules=self._purse), mac2, step="crypto.holder: MAC2")

    def close(self) -> None:
        """Wipe the keys."""
        if self._open is not None:
            self._open[0].close()
        self._keys.close()
