"""Measure both sides of each speed claim in one run: ``python -m benchmarks``. Not part of the program."""
