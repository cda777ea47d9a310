"""Edit the parts of an XLSX file in place, so that everything that is not edited stays as it is."""
