"""The monthly bulletin (月通报): the 2014 letter as data, its audit, the two annexes, page and workbook.

Rules of this room: numerators and denominators are stored, never a rate; every
figure shown carries its :class:`~sbcard_core.values.Origin`; an unknown figure is
shown as ``—``. ``report`` (Jinja2, XlsxWriter) is imported by name only.
"""

from sbcard_core.bulletin.auditor import audit
from sbcard_core.bulletin.figures import Figure
from sbcard_core.bulletin.findings import AuditFinding
from sbcard_core.bulletin.letter import Letter, load
from sbcard_core.bulletin.tables import BankRow, CityRow, Table, annex1, annex2

__all__ = ["AuditFinding", "BankRow", "CityRow", "Figure", "Letter", "Table", "annex1", "annex2", "audit", "load"]
