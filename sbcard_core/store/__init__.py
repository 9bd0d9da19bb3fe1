"""The database: every table of the library, on SQLite or PostgreSQL."""

from sbcard_core.store.bulk import insert_many, rows_as_table, update_many
from sbcard_core.store.engine import SampleRefused, SchemaMismatch, Store, StoreClosed
from sbcard_core.store.failures import StoreConflict, StoreFailed, StoreRejected, typed

__all__ = [
    "SampleRefused",
    "SchemaMismatch",
    "Store",
    "StoreClosed",
    "StoreConflict",
    "StoreFailed",
    "StoreRejected",
    "insert_many",
    "rows_as_table",
    "typed",
    "update_many",
]
