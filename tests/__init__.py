"""Tests of stressd. Helpers shared between folders are imported as `tests.<module>`."""
