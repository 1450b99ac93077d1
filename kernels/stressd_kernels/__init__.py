"""Compiled kernels of stressd: a concurrent maple tree in shared memory."""
