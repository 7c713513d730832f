"""Reading: one governed read of a port: resolve it through the head, restrict it, serve it; changes between publications."""
