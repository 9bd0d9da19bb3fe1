"""Card readers, PSAM slots and terminals: whatever stands between a card and the back end.

Nothing is imported here: ``readers.drivers`` opens readers by URL, ``readers.medical`` and
``readers.pos`` are the terminals, ``readers.sim`` is the virtual card, PSAM and reader.
"""
