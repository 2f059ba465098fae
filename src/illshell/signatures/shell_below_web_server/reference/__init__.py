"""Plain Python of what ``illshell._lineage`` does, with the same names, for tests."""
