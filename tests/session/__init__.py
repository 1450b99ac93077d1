"""One run from configuration to exit code, with an engine that does as it is told."""
