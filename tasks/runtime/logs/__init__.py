"""Log lines with their campaign and shard, and without secrets."""
