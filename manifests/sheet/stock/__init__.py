"""Rules of stock sheets."""
