"""Finishing: a deliverable against a plain re-encode and against MoviePy."""
