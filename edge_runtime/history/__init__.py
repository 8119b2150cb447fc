"""What a machine did, kept for months in one SQLite database: trends, alarms, what was said of them, raw readings."""
