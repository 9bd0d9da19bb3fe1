"""The factory's side: reads order files, writes back-files, in the two column orders seen in the field."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sbcard_core.files import open_input
from sbcard_core.registry import back_file
from sbcard_core.replay.campaign import Campaign

FAILED_SHARE = 500
"""One card of 500 ordered fails at the factory."""

_FAILURES = ("芯片写入失败", "卡面打印缺陷", "照片无法打印")


def ordered_cards(campaign: Campaign) -> int:
    """How many cards are ordered so that, after the failures, as many are made as the letter counts."""
    return campaign.made + campaign.made // FAILED_SHARE


def make(orders: Path, back: Path, made: int | None = None) -> Iterator[int]:
    """Answer every order file; yields the number of cards after each.

    Args:
        orders: directory of order files.
        back: directory the back-files go to.
        made: how many of the cards ordered succeed; None = all.
    """
    paths = sorted(orders.glob("*.jsonl"))
    total = sum(_count_lines(path) for path in paths)
    failures = 0 if made is None else max(0, total - made)
    line = 0
    for number, path in enumerate(paths):
        rows = []
        with open_input(path) as stream:
            for text in stream:
                # Spread evenly, exact in sum: the k-th card fails where the running share passes a whole number.
                fails = (line + 1) * failures // total > line * failures // total
                rows.append(_row(json.loads(text), line if fails else None))
                line += 1
        columns = back_file.COLUMNS_OTHER_CITY if number % 2 else back_file.COLUMNS
        back_file.write(back / f"{path.stem}.csv", path.stem, rows, columns=columns)
        yield len(rows)


def _count_lines(path: Path) -> int:
    with open_input(path) as stream:
        return sum(1 for _ in stream)


def _value(record: str) -> bytes:
    """The value of a record ``tag len value``, padding off."""
    return bytes.fromhex(record)[2:].rstrip(b"\x00")


def _row(order: dict[str, Any], failed_at: int | None) -> dict[str, str]:
    card, holder = order["files"]["SSSE/EF05"], order["files"]["SSSE/EF06"]
    row = {
        "序号": str(order["order_line"]),
        "社保卡号": order["card_no"],
        "社会保障号码": _value(holder[0]).decode("ascii"),
        "姓名": (_value(holder[1]) + _value(holder[2])).decode("gb18030"),
        "发卡日期": card[4][4:],
        "卡有效期": card[5][4:],
        "卡识别码": card[0][4:],
        "卡复位码": order["atr"][8:],
        "装箱位置": f"{order['order_line'] // 500 + 1}-{order['order_line'] % 500}",
    }
    if failed_at is not None:
        row |= {"失败环节": "制卡", "失败原因": _FAILURES[failed_at % len(_FAILURES)]}
    return row
