"""Authoring: products written from what exists: data that was looked at, blueprints, other tools' projects.

Everything here ends in files that a person goes on editing; nothing is built or published.
"""
