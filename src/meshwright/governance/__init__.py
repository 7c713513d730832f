"""Governance: policies in Cedar, and what they leave of a port for one reader.

One call decides about a read: (principal, port, purpose) gives reasons for a denial, or a restriction. Whatever cannot be
evaluated denies.
"""
