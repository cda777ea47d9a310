"""The audit log: add entries, check their seals and the end of the log, and read what was recorded."""
