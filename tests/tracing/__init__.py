"""Trace events on their way from the rings to a file, and read back."""
