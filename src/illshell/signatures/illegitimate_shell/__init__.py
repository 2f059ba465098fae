"""TRC-1016: a web server spawned a shell."""
