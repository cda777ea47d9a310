"""Frozen, pure records of a campaign, shared by all layers."""
