"""Whether all structures say the same, and what is told when they do not."""
