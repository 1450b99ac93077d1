"""Recordings played on address spaces: raw stores and searches, no calls."""
