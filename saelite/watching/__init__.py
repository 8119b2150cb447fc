"""All machines of a fleet in one place: their MQTT state as a table, and the page that shows it."""
