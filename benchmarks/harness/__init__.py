"""Shared parts of the benchmarks: results, machine, timing, charts, a PostgreSQL server and stubs."""
