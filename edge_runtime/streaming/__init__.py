"""Readings in, results and alarms out: nothing here knows where they come from or go to."""
