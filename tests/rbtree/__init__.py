"""The rb-tree over VMAs: against a sorted list, and against the rules of gap searches."""
