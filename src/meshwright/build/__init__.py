"""Build: validate → plan → run → test → publish; nothing half-done is ever visible."""
