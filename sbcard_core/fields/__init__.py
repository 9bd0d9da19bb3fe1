"""One module for each number or code a record carries.

Each has the same verbs: ``compact`` (as it is stored), ``validate`` (that, or an error that names the rule and not
the value), ``is_valid`` (exactly as written), ``format`` (for reading aloud) and, for columns, ``check_many``: one
byte a value, one bit a rule, 0 = clean; it never raises for a bad value. The bits and which of them only warn stand
in each module. Fixed-width numbers are also taken as one buffer of rows.

Example:
    >>> from sbcard_core.fields import social_credit
    >>> list(social_credit.check_many(["91350100M000100Y43", "91350100M000100Y44"]))
    [0, 4]
"""
