"""Files of readings, whatever their format: named columns, rows that come block by block."""
