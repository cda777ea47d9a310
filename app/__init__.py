"""People's doors: the command line, later the dashboard."""
