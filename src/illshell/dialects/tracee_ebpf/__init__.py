"""The binary records that Tracee's eBPF side submits."""
