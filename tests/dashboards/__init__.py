"""Dashboards and rules: conventions, and every query run against a real Prometheus."""
