"""Hosted generators against a provider on loopback."""
