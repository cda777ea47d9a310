"""Workbooks in XLSX, XLSB, XLS and ODS, read as people see them."""
