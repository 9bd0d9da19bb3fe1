"""What becomes of each line of a journal, decided for a whole chunk at once."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from enum import IntEnum
from typing import Final

import sqlalchemy as sa

from sbcard_core.clearing.journal import Purchase, Unreadable
from sbcard_core.clearing.keys import KeyVersions
from sbcard_core.crypto import tac
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.eligibility import Eligibility, Purpose, Use
from sbcard_core.messages import Message, message
from sbcard_core.store import rows_as_table, schema

LOOKUP_ROWS: Final = 400
"""How many keys one query names."""
TDES_ALGORITHMS: Final = frozenset({0, 1})
"""Algorithm identifiers cleared as 3DES (00 in PBOC, 01 in some card layouts): assumed; the SM4 TAC is not public."""

Slot = tuple[str, int]
"""终端机编号 and 终端交易序号: the pair stands for one purchase until the terminal's counter begins anew."""

_PURCHASE: Final = schema.offline_purchase.c
_FACTORS: Final = sa.select(schema.card.c.card_no, schema.card.c.factor).where(
    schema.card.c.card_no.in_(sa.bindparam("cards", expanding=True))
)


class ClearingStatus(IntEnum):
    """What became of one line. Only ``CLEARED`` pays the merchant at once."""

    CLEARED = 0
    MALFORMED = 1
    """格式错误: the line is not a purchase."""
    UNSUPPORTED = 2
    """算法不支持: an algorithm whose TAC rule is not public."""
    FACTOR_MISMATCH = 3
    """卡号与分散因子不符: the TAC does not cover the card number, so the number is held against the card table."""
    TAC_MISMATCH = 4
    """交易验证码不符."""
    DUPLICATE = 5
    """重复流水: the terminal's serial number was cleared before, from this file or another."""
    UNKNOWN_KEY = 6
    """密钥版本不在册: no key of the card's version is valid on the day of the purchase."""
    NOT_ELIGIBLE = 7
    """使用资格待核: the record is genuine, but the card could not be used on that day, or a clerk has to decide."""
    DATED_LATER = 8
    """交易日期晚于清算日: genuine, but of a terminal whose clock runs ahead; the day is not known."""

    @property
    def code(self) -> str:
        """The finding's code."""
        return (
            "journal.cleared",
            "journal.malformed",
            "journal.unsupported",
            "journal.factor_mismatch",
            "tac.mismatch",
            "journal.duplicate",
            "journal.unknown_key",
            "journal.not_eligible",
            "journal.dated_later",
        )[self.value]

    @property
    def message(self) -> Message:
        """The reason as a clerk reads it."""
        return message(f"clearing.{self.code}")


class PurchaseCheck:
    """Checks the lines of one journal, chunk after chunk, inside one transaction.

    Args:
        connection: the transaction.
        keys: the DTK masters by version and day.
        eligibility: asked whether the card could be used on the day of the purchase.
        on: day of clearing: no purchase was made after it.
    """

    def __init__(self, connection: sa.Connection, keys: KeyVersions, eligibility: Eligibility, on: date) -> None:
        self._connection = connection
        self._keys = keys
        self._eligibility = eligibility
        self._on = on
        self.reasons: dict[int, Message] = {}
        """Why lines are NOT_ELIGIBLE, by line number."""

    def statuses(self, lines: Sequence[Purchase | Unreadable], taken: Mapping[Slot, int]) -> list[ClearingStatus]:
        """One status per line, in order; ``taken`` is what ``self.taken`` says of these lines."""
        purchases = [line for line in lines if isinstance(line, Purchase)]
        found = self._genuine(purchases)
        for p in purchases:
            if found[p.line] is ClearingStatus.CLEARED and _day(p) > self._on:
                found[p.line] = ClearingStatus.DATED_LATER
        found.update(self._not_eligible([p for p in purchases if found[p.line] is ClearingStatus.CLEARED]))
        cleared = {slot for slot, status in taken.items() if status == tac.TacStatus.VERIFIED}
        out = []
        for line in lines:
            if isinstance(line, Unreadable):
                out.append(ClearingStatus.MALFORMED)
                continue
            status = found[line.line]
            slot = (line.terminal_no, line.terminal_txn_no)
            if status is ClearingStatus.CLEARED:
                if slot in cleared:
                    status = ClearingStatus.DUPLICATE
                cleared.add(slot)
            out.append(status)
        return out

    def taken(self, lines: Sequence[Purchase | Unreadable]) -> dict[Slot, int]:
        """Serial numbers already in the database, with the TAC status of the record that holds them."""
        slots = {(p.terminal_no, p.terminal_txn_no) for p in lines if isinstance(p, Purchase)}
        terminal, txn = _PURCHASE.terminal_no, _PURCHASE.terminal_txn_no
        wanted = rows_as_table(self._connection, (terminal, txn), slots)
        same = sa.and_(terminal == wanted.c.terminal_no, txn == wanted.c.terminal_txn_no)
        query = sa.select(terminal, txn, _PURCHASE.status).join_from(wanted, schema.offline_purchase, same)
        return {(row[0], row[1]): row[2] for row in self._connection.execute(query)}

    def _genuine(self, purchases: Sequence[Purchase]) -> dict[int, ClearingStatus]:
        """By line number: did the card it names make this record?"""
        known = self._factors({p.card_no for p in purchases})
        out: dict[int, ClearingStatus] = {}
        by_key: dict[tuple[int, str], list[Purchase]] = defaultdict(list)
        keys_of: dict[tuple[int, str], MasterKeys | None] = {}
        masters: dict[int, MasterKeys] = {}
        for p in purchases:
            version = (p.key_version, p.at[:8])
            if version not in keys_of:
                keys_of[version] = self._keys.of(p.key_version, _day(p))
            keys = keys_of[version]
            if p.algorithm not in TDES_ALGORITHMS:
                out[p.line] = ClearingStatus.UNSUPPORTED
            elif known.get(p.card_no, p.factor) != p.factor:
                out[p.line] = ClearingStatus.FACTOR_MISMATCH
            elif keys is None:
                out[p.line] = ClearingStatus.UNKNOWN_KEY
            else:
                masters[id(keys)] = keys
                by_key[id(keys), p.city].append(p)
        for (keys_id, city), group in by_key.items():
            out.update(_verified(masters[keys_id], city, group))
        return out

    def _not_eligible(self, purchases: Sequence[Purchase]) -> Iterator[tuple[int, ClearingStatus]]:
        uses = [Use(Purpose.PURSE, _day(p), card_no=p.card_no) for p in purchases]
        for p, decision in zip(purchases, self._eligibility.may_many(self._connection, uses), strict=True):
            if not decision.is_allowed:
                self.reasons[p.line] = decision.message
                yield p.line, ClearingStatus.NOT_ELIGIBLE

    def _factors(self, card_nos: set[str]) -> dict[str, str]:
        """Factors of the cards we know; a card of another province is not in the table and is judged by its TAC."""
        numbers = list(card_nos)
        return {
            card_no: factor.upper()
            for start in range(0, len(numbers), LOOKUP_ROWS)
            for card_no, factor in self._connection.execute(_FACTORS, {"cards": numbers[start : start + LOOKUP_ROWS]})
        }


def _day(p: Purchase) -> date:
    return date(int(p.at[:4]), int(p.at[4:6]), int(p.at[6:8]))


def _verified(keys: MasterKeys, city: str, group: list[Purchase]) -> Iterator[tuple[int, ClearingStatus]]:
    messages = [tac.purchase_message(p.amount_fen, p.type, p.terminal_no, p.terminal_txn_no, p.at) for p in group]
    factors = bytes.fromhex("".join([p.factor for p in group]))
    key = keys.city(KeyUsage.DTK, city)
    for p, status in zip(group, tac.verify_many(key, factors, messages, [p.tac for p in group]), strict=True):
        good = status is tac.TacStatus.VERIFIED
        yield p.line, ClearingStatus.CLEARED if good else ClearingStatus.TAC_MISMATCH
