"""Independent judges of motif, colours and motion."""
