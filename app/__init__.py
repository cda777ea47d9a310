"""User interfaces: the command line, the dashboard and the HTTP API."""
