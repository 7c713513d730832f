"""Operating: what keeps a mesh going: schedules and due runs, notices, maintenance, other schedulers' files.

Decides when something is done and clears up after it; how a product is built is `build`'s.
"""
