"""密钥持有者: whoever holds the keys, behind one set of bulk calls.

A key holder computes and never hands out a key. The same calls work with keys in
software, a PSAM in a reader, a PKCS#11 token, and a remote security module;
what a device can't do is refused with ``HolderUnable``, never done elsewhere in
silence.

=====================  ==========  ====  ==========  =====
holder                 cryptogram  MAC   encryption  TAC
=====================  ==========  ====  ==========  =====
SoftwareKeyHolder      yes         yes   yes         yes
PsamKeyHolder          yes         no    no          no
Pkcs11KeyHolder        yes         yes   yes         only where card keys may leave the token
RemoteHsmKeyHolder     yes         no    no          no
=====================  ==========  ====  ==========  =====

Begin and finish of a purchase: software and PSAM. The benchmarks' figures are
those of ``SoftwareKeyHolder``: they hold only where policy allows master keys in
software. A PSAM takes two commands for each card, a token one to four calls.

Factors are n rows of ``levels`` × 8 bytes, the highest level first (city, then
card); a PSAM gets them in its own order.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from sbcard_core.crypto import auth
from sbcard_core.crypto.bulk import Messages, Rows
from sbcard_core.crypto.errors import HolderUnable, KeyRefused
from sbcard_core.crypto.keys import NO_CIPHER, NO_MAC, ONLY_DERIVE, KeyUsage
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

_STEP = "crypto.holder"


@dataclass(frozen=True, slots=True)
class PurchaseRequest:
    """What the terminal's key holder needs to open a purchase.

    Args:
        card_random: 4 bytes from INITIALIZE FOR PURCHASE.
        card_txn_no: 脱机交易序号 from the same answer.
        amount_fen: fen.
        transaction_type: 6 for a purchase from the purse.
        at: the terminal's time.
        factors: the card's path, highest level first.
        key_version, algorithm: from the card's answer.
    """

    card_random: bytes = field(repr=False)
    card_txn_no: int
    amount_fen: int
    transaction_type: int
    at: dt.datetime
    factors: tuple[bytes, ...]
    key_version: int = 1
    algorithm: int = 0


@dataclass(frozen=True, slots=True)
class PurchaseOpening:
    """终端交易序号 (4 bytes) and MAC1 (4 bytes)."""

    terminal_txn_no: bytes
    mac1: bytes = field(repr=False)


class KeyHolder(Protocol):
    """The one shape. Every call takes a whole batch and keeps its order."""

    name: str

    def kcv(self, usage: KeyUsage) -> str:
        """Check value of the master key of a usage, 6 hex digits."""
        ...

    def cryptogram_many(
        self, usage: KeyUsage, factors: bytes, process: bytes, originals: bytes, *, levels: int = 2
    ) -> bytes:
        """n × 8 bytes: original data encrypted under each card's process key (内部认证, 外部认证)."""
        ...

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
    ) -> Rows:
        """MACs under each card's key: retail MAC for 3DES, CBC-MAC for SM4, CMAC for AES; ``levels=0`` is the key."""
        ...

    def encrypt_many(self, usage: KeyUsage, factors: bytes, data: Sequence[bytes], *, levels: int = 2) -> list[bytes]:
        """Each card's data, whole blocks, in ECB under its key."""
        ...

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
        """One status per record, as ``tac.verify_many``."""
        ...

    def begin_purchase(self, request: PurchaseRequest) -> PurchaseOpening:
        """Open a purchase: the terminal's number and MAC1."""
        ...

    def finish_purchase(self, mac2: bytes) -> None:
        """Check the card's MAC2 of the purchase that was opened."""
        ...

    def close(self) -> None:
        """Let go of the keys or the device."""
        ...


class HolderBase:
    """What holders share: a call a device can't do is refused."""

    name = "key holder"

    def _unable(self, what: str) -> HolderUnable:
        return HolderUnable(f"a {self.name} can't {what}", step=_STEP, advice="use a key holder that can")

    def kcv(self, usage: KeyUsage) -> str:
        """Not shown by this device."""
        raise self._unable(f"show the check value of {usage.value}")

    def mac_many(self, usage: KeyUsage, *_: Any, **__: Any) -> Rows:
        """Not done by this device."""
        raise self._unable(f"compute {usage.value} MACs")

    def encrypt_many(self, usage: KeyUsage, *_: Any, **__: Any) -> list[bytes]:
        """Not done by this device."""
        raise self._unable(f"encrypt under {usage.value}")

    def tac_verify_many(self, *_: Any, **__: Any) -> Any:
        """Not done by this device."""
        raise self._unable("verify TACs")

    def begin_purchase(self, request: PurchaseRequest) -> PurchaseOpening:
        """Not done by this device."""
        raise self._unable(f"open a purchase of type {request.transaction_type}")

    def finish_purchase(self, mac2: bytes) -> None:
        """Not done by this device."""
        raise self._unable(f"check {len(mac2)} bytes of MAC2")

    def close(self) -> None:
        """Nothing to let go of."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def check_rows(factors: bytes, levels: int, count: int) -> None:
    """Refuse factors of another size.

    Raises:
        InvalidValue: not n × ``levels`` × 8 bytes.

    Example:
        >>> check_rows(b"430100sxcardcard", 2, 1)
    """
    if len(factors) != 8 * levels * count:
        raise InvalidValue(f"{count} rows of {levels} × 8 bytes of factors", step=_STEP, term="分散因子")


def rows_of(factors: bytes, levels: int, count: int) -> list[list[bytes]]:
    """Cut factors into n paths, highest level first.

    Raises:
        InvalidValue: not n × ``levels`` × 8 bytes.

    Example:
        >>> rows_of(b"430100sxcardcard", 2, 1)
        [[b'430100sx', b'cardcard']]
    """
    check_rows(factors, levels, count)
    parts = [bytes(factors[at : at + 8]) for at in range(0, len(factors), 8)]
    return [parts[levels * i : levels * i + levels] for i in range(count)]


def may_authenticate(usage: KeyUsage) -> None:
    """Refuse a key that is not for 内部认证 or 外部认证.

    Raises:
        KeyRefused: it is for something else.
    """
    if usage not in auth.USAGES:
        raise KeyRefused(message("cards.holder.authenticates", usage=usage.value), step=_STEP, term="密钥用途")


def may_mac(usage: KeyUsage) -> None:
    """Refuse a key that never touches a message, or that is for encryption.

    Raises:
        KeyRefused: it makes no MACs.
    """
    if usage in NO_MAC:
        raise KeyRefused(message("cards.holder.macs", usage=usage.value), step=_STEP, term="密钥用途")


def may_encrypt(usage: KeyUsage) -> None:
    """Refuse a key that is for MACs, or for deriving only.

    Raises:
        KeyRefused: it encrypts nothing.
    """
    if usage in NO_CIPHER | ONLY_DERIVE:
        raise KeyRefused(message("cards.holder.encrypts", usage=usage.value), step=_STEP, term="密钥用途")


def count_of(originals: bytes, process: bytes) -> int:
    """How many cards a call of cryptograms is for.

    Raises:
        InvalidValue: process factors and original data are not n × 8 bytes each.

    Example:
        >>> count_of(bytes(24), bytes(24))
        3
    """
    if len(originals) % 8 or len(originals) != len(process):
        raise InvalidValue("process factors and original data have 8 bytes for each card", step=_STEP, term="过程因子")
    return len(originals) // 8


def whole(data: bytes, block: int) -> bytes:
    """Data that is a whole number of blocks.

    Raises:
        InvalidValue: it is not.

    Example:
        >>> whole(b"8 bytes.", 8)
        b'8 bytes.'
    """
    if len(data) % block or not data:
        raise InvalidValue(f"{len(data)} bytes are no whole blocks of {block}", step=_STEP)
    return data
