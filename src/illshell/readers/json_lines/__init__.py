"""JSON lines, read by illshell-ingest or in plain Python."""
