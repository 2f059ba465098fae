"""The version that both distributions, illshell and illshell-ingest, carry."""

__version__ = "0.1.0"
