"""Benchmark of the review dashboard in a browser."""
