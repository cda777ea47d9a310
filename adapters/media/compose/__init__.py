"""Compose a deliverable: footage, drawn layers and sound in one encoding."""
