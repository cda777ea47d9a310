"""Both sides of every speed claim, measured in one run: ``python -m benchmarks``. Imported by nothing."""
