"""Analysis: what SQL and Python transformations mean, read off their text; no data is ever touched."""
