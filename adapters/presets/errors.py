"""Errors of preset files."""

from manifests.errors import FinishError


class InvalidPresetError(FinishError):
    """A template, a placement preset or a brand kit is invalid."""
