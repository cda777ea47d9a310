"""Sheets that the tests make: good, bad and hostile ones."""
