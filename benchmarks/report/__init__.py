"""The report: one HTML page, and tables for the terminal."""
