"""Selected clips as one ZIP file."""
