"""The database room: engine, tables and bulk writes. SQLite or PostgreSQL, by address."""

from sbcard_core.store.bulk import insert_many, update_many
from sbcard_core.store.engine import SchemaMismatch, Store, StoreClosed, StoreFailed, typed

__all__ = ["SchemaMismatch", "Store", "StoreClosed", "StoreFailed", "insert_many", "typed", "update_many"]
