"""From a run folder to one quantised, verified model file. Needs tensorflow."""
