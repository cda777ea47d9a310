"""Benchmarks of complete campaigns and of their steps without generation."""
