"""Places, devices, metering points, installations and their readings."""
