"""ILL-1001: a shell ran anywhere below a web server."""
