"""Adopting dbt: a project is read, rendered without a database, and written down as products."""
