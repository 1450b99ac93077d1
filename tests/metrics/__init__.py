"""Metrics: what a scrape says is what the samples say."""
