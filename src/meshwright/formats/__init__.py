"""Open standards and our own files ⇄ model: YAML text, ODPS, ODCS, mesh.yaml and its companions; no folder is walked here."""
