"""The core of ILL-1001, compiled: classes of names, files that ran as shells, and lineage.

Its reference implementation is ``illshell.signatures.shell_below_web_server.reference``.
"""
