"""Measure what devices are used for, and book it in the catalogue."""
