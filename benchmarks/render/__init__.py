"""Benchmarks of generation, encoding, checks and scores."""
