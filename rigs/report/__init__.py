"""The report of a flight: one page that opens anywhere."""
