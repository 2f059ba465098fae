"""The detector that runs signatures, the engine façade with Tracee's protocol, and match()."""
