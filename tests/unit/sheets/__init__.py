"""Sheets for the tests: valid, invalid and malicious ones."""
