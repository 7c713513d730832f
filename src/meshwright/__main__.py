"""`python -m meshwright` is the command `mesh`."""
