"""The metadata of ILL-1001."""

from __future__ import annotations

from typing import Final

from illshell.model.finding import SignatureMetadata

ID: Final = "ILL-1001"
"""Numbers from 1001 on are illshell's own signatures, as TRC-1000 and more are Tracee's."""


def shell_below_web_server_metadata() -> SignatureMetadata:
    """Build the metadata anew, so that no caller can spoil it for another."""
    return SignatureMetadata(
        id=ID,
        version="1",
        name="Shell ran below a web server",
        event_name="shell_below_web_server",
        description=(
            "A shell was executed by a process that descends from a web server, whatever the shell "
            "is called and however many programs lie between. Web servers rarely start shells; "
            "this may be a web shell, or an attacker who executes commands through an application."
        ),
        tags=["T1190", "T1505.003"],
        properties={
            "Severity": 3,
            "Category": "initial-access",
            "Technique": "Exploit Public-Facing Application",
            "id": "attack-pattern--3f886f2a-874f-4333-b794-aa6075009b1c",
            "external_id": "T1190",
            "Secondary_Category": "persistence",
            "Secondary_Technique": "Server Software Component: Web Shell",
            "Secondary_id": "attack-pattern--5d0d3609-d06d-49e1-b9c9-b544e0c618cb",
            "Secondary_external_id": "T1505.003",
        },
    )
