"""Ingredients of a Content Credential: parents, masters and components."""
