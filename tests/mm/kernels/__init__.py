"""The kernels of an address space, held against the rules in plain Python (tests/mm/spec)."""
