"""The names that TRC-1016 knows: events, arguments, web servers and shells.

Source: aquasecurity/tracee, ``signatures/golang/illegitimate_shell.go`` (v0.9.0 to v0.24.1).
"""

from typing import Final

TRC_1016: Final = "TRC-1016"
"""The signature's ID."""

SECURITY_BPRM_CHECK: Final = "security_bprm_check"
"""The kernel is asked to execute a program; judged by comm and ``pathname`` (Tracee to v0.22)."""

SCHED_PROCESS_EXEC: Final = "sched_process_exec"
"""A program was executed; judged by ``prev_comm`` and comm (Tracee v0.23 and later)."""

EVENTS: Final = (SECURITY_BPRM_CHECK, SCHED_PROCESS_EXEC)

PATHNAME: Final = "pathname"
"""Argument of ``security_bprm_check``: the program about to run."""

PREV_COMM: Final = "prev_comm"
"""Argument of ``sched_process_exec``: the task's comm just before the exec."""

WEB_SERVERS: Final = (
    "nginx",
    "httpd",
    "httpd-foregroun",
    "http-nio",
    "lighttpd",
    "apache",
    "apache2",
)
"""Comms of web servers; ``httpd-foregroun`` is ``httpd-foreground`` as the kernel cuts it."""

SHELLS: Final = ("ash", "bash", "csh", "ksh", "sh", "tcsh", "zsh", "dash")
"""Names of shells: a whole comm, or what follows the last ``/`` of a pathname."""
