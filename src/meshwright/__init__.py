"""Meshwright: a data mesh you can run."""

__version__ = "0.1.0"
