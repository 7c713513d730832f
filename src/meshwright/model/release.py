"""The release of Meshwright that this is. The one place where its version is written."""

__version__ = "0.1.0"
