"""Pure values and rules of a data mesh: no I/O, no engine, no web; the standard library only."""
