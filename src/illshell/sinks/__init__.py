"""Where findings are written."""
