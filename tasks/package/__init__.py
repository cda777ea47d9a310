"""Make packages of published clips and deliverables for agencies, platforms and editors."""
