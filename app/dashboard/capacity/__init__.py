"""Limits that keep the dashboard responsive: threads by kind of work, requests per person, slow connections."""
