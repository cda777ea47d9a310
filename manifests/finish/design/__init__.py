"""What a deliverable looks like: templates, colours, and where layers are placed."""
