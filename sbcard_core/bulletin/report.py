"""Publish a bulletin: compose it, then write the page and the workbook.

Example:
    >>> from datetime import datetime
    >>> from sbcard_core.bulletin import BankRow, CityRow, load
    >>> from sbcard_core.values import Origin
    >>> cities = [CityRow("431100", "永州市", 2006, None, 3250, 2747, 300, 2046, 600)]
    >>> banks = [BankRow("402", "农信社联社", 8170, 6970, 700, 500, 0, 5646, 1694)]
    >>> bulletin = compose(
    ...     load(), cities, banks, origin=Origin.SIMULATED, scale=1000, created=datetime(2014, 8, 4)
    ... )
    >>> bulletin.annex2.total.cell("open_rate").figure.text, len(bulletin.findings)
    ('85.3', 8)
"""

from sbcard_core.bulletin.model import BANNER, Bulletin, Check, compose
from sbcard_core.bulletin.page import render, write_html
from sbcard_core.bulletin.sheets import write_xlsx

__all__ = ["BANNER", "Bulletin", "Check", "compose", "render", "write_html", "write_xlsx"]
