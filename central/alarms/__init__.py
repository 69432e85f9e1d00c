"""Alarms: rules as data, an engine that follows them, what people do about what it raises."""
