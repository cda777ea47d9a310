"""Sign and publish finished files: from deliverables on this machine to the bucket."""
