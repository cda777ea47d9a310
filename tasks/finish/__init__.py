"""Finish approved clips: from masters to deliverables."""
