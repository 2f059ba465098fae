"""The metadata of TRC-1016."""

from __future__ import annotations

from illshell.model.finding import SignatureMetadata
from illshell.signatures.illegitimate_shell.names import TRC_1016


def illegitimate_shell_metadata() -> SignatureMetadata:
    """Build the metadata anew, so that no caller can spoil it for another."""
    return SignatureMetadata(
        id=TRC_1016,
        version="1",
        name="Web server spawned a shell",
        event_name="illegitimate_shell",
        description=(
            "A web-server program on your server spawned a shell program. Shells are command-line "
            "tools, and it's unconventional for web servers to initiate them. This alert might "
            "point to a malicious actor leveraging a web server to execute commands on the server."
        ),
        properties={
            "Severity": 2,
            "Category": "initial-access",
            "Technique": "Exploit Public-Facing Application",
            "Kubernetes_Technique": "N/A",
            "id": "attack-pattern--3f886f2a-874f-4333-b794-aa6075009b1c",
            "external_id": "T1190",
        },
    )
