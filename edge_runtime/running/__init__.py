"""A source, a stream and its sinks, kept going for months."""
