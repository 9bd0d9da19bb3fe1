"""All harnesses by name."""

from tests.fuzz import tables, values

ALL = {harness.name: harness for harness in [*tables.HARNESSES, *values.HARNESSES]}
