"""Benchmark of the dashboard with many people at once."""
