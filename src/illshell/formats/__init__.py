"""Formats: a finding as the bytes of one record, which is one whole line or more."""
