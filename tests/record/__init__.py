"""Recording programs: what is written, and how it ends."""
