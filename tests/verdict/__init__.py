"""From evidence to a verdict, and from a verdict to what is printed."""
