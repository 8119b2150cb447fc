"""What is fitted on a file's own outputs for normal windows, in numpy: the one definition for export and device."""
