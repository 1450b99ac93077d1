"""Logs of system calls, followed with the specification of the rules as the model."""
