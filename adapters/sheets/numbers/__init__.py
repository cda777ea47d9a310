"""Number formats of workbooks."""
