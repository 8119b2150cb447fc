"""Figures: how well a model file detects, how fast it is, and the report that shows both."""
