"""The platform in numbers, for Prometheus."""
