"""The audit log: its entries, their seals and its end, and what they say."""
