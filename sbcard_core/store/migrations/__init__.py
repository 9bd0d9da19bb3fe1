"""Schema changes by Alembic, one file a release; ``Store.open`` applies them."""
