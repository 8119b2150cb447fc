"""A recording through a stream: scores, anomalies and alarms of all of its windows."""
