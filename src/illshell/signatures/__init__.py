"""The signatures that illshell brings."""
