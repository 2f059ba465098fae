"""Events, findings, fields, positions, errors and uids."""
