"""Finishing: what turns an approved clip into deliverables, as pure records and rules."""
