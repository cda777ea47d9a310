"""Texts of a deliverable in the language of its locale."""
