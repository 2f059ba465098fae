"""Event batches from Arrow data and NumPy arrays, without a copy."""
