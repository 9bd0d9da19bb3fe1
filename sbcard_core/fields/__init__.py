"""One module for each number or code a record carries, and the identifiers among them as types.

The types (:mod:`sbcard_core.fields.identifiers`) are what engines pass and compare: :class:`CitizenNumber`,
:class:`PersonName`, :class:`BankAccount`, :class:`BankCode`, :class:`CountyCode`, :class:`HouseholdNumber`.

Each module has the same verbs: ``compact`` (as it is stored), ``validate`` (that, or an error that names the rule
and not the value), ``is_valid`` (exactly as written), ``format`` (for reading aloud) and, for columns, ``check_many``:
one byte a value, one bit a rule, 0 = clean; it never raises for a bad value. The bits and which of them only warn
stand in each module. Fixed-width numbers are also taken as one buffer of rows.

Example:
    >>> from sbcard_core.fields import social_credit
    >>> list(social_credit.check_many(["91350100M000100Y43", "91350100M000100Y44"]))
    [0, 4]
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sbcard_core.fields.identifiers import (
        BankAccount,
        BankCode,
        CitizenNumber,
        CountyCode,
        HouseholdNumber,
        PersonName,
    )

__all__ = ["BankAccount", "BankCode", "CitizenNumber", "CountyCode", "HouseholdNumber", "PersonName"]


def __getattr__(name: str) -> type:
    """The types, imported when first asked for: most modules here need no numpy."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sbcard_core.fields import identifiers  # noqa: PLC0415

    found: type = getattr(identifiers, name)
    return found
