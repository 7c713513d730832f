"""Assembles a running node from settings: the one place that picks engines and stores."""
