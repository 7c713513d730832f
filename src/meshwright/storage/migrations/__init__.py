"""Alembic's migrations of the registry, run by `meshwright.storage.migrate`."""
