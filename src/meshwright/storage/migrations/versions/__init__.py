"""The migrations, oldest first; one that was released never changes."""
