"""The engine: trees, workers and sources put together, under real threads."""
