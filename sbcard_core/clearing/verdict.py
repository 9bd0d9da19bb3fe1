"""What becomes of each line of a journal, decided for a whole chunk at once."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Final

import sqlalchemy as sa

from sbcard_core.clearing.journal import Purchase, Unreadable
from sbcard_core.crypto import tac
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.store import rows_as_table, schema

LOOKUP_ROWS: Final = 400
"""How many keys one query names."""
TDES_ALGORITHMS: Final = frozenset({0, 1})
"""Algorithm identifiers cleared as 3DES (00 in PBOC, 01 in some card layouts): assumed; the SM4 TAC is not public."""

Slot = tuple[str, int]
"""终端机编号 and 终端交易序号: a terminal never uses the pair twice."""

_PURCHASE: Final = schema.offline_purchase.c
_FACTORS: Final = sa.select(schema.card.c.card_no, schema.card.c.factor).where(
    schema.card.c.card_no.in_(sa.bindparam("cards", expanding=True))
)


class ClearingStatus(IntEnum):
    """What became of one line: the first that applies, in this order. Only ``CLEARED`` pays the merchant."""

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
        )[self.value]

    @property
    def zh(self) -> str:
        """The reason as a clerk reads it."""
        return ("已清算", "格式错误", "算法不支持", "卡号与分散因子不符", "交易验证码不符", "重复流水")[self.value]


class Judge:
    """Judges the lines of one journal, chunk after chunk, inside one transaction."""

    def __init__(self, connection: sa.Connection, keys: MasterKeys) -> None:
        self._connection = connection
        self._keys = keys

    def statuses(self, lines: Sequence[Purchase | Unreadable], taken: Mapping[Slot, int]) -> list[ClearingStatus]:
        """One status per line, in order; ``taken`` is what ``self.taken`` says of these lines."""
        purchases = [line for line in lines if isinstance(line, Purchase)]
        genuine = self._genuine(purchases)
        cleared = {slot for slot, status in taken.items() if status == tac.TacStatus.VERIFIED}
        out = []
        for line in lines:
            if isinstance(line, Unreadable):
                out.append(ClearingStatus.MALFORMED)
                continue
            status = genuine[line.line]
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
        by_city: dict[str, list[Purchase]] = defaultdict(list)
        for p in purchases:
            if p.algorithm not in TDES_ALGORITHMS:
                out[p.line] = ClearingStatus.UNSUPPORTED
            elif known.get(p.card_no, p.factor) != p.factor:
                out[p.line] = ClearingStatus.FACTOR_MISMATCH
            else:
                by_city[p.city].append(p)
        for city, group in by_city.items():
            out.update(self._verify(city, group))
        return out

    def _verify(self, city: str, group: list[Purchase]) -> Iterator[tuple[int, ClearingStatus]]:
        messages = [tac.purchase_message(p.amount_fen, p.type, p.terminal_no, p.terminal_txn_no, p.at) for p in group]
        factors = bytes.fromhex("".join([p.factor for p in group]))
        key = self._keys.city(KeyUsage.DTK, city)
        for p, status in zip(group, tac.verify_many(key, factors, messages, [p.tac for p in group]), strict=True):
            good = status is tac.TacStatus.VERIFIED
            yield p.line, ClearingStatus.CLEARED if good else ClearingStatus.TAC_MISMATCH

    def _factors(self, card_nos: set[str]) -> dict[str, str]:
        """Factors of the cards we know; a card of another province is not in the table and is judged by its TAC."""
        numbers = list(card_nos)
        return {
            card_no: factor.upper()
            for start in range(0, len(numbers), LOOKUP_ROWS)
            for card_no, factor in self._connection.execute(_FACTORS, {"cards": numbers[start : start + LOOKUP_ROWS]})
        }
