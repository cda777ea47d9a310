"""The review dashboard: FastAPI pages over the catalogue, rendered on the server."""
