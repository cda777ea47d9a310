"""The results sheet: a copy of the campaign sheet with the result of each row and a list of all clips."""
