"""What a model file may say: its graph checked byte by byte and its manifest for meaning, before anything runs."""
