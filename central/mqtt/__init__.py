"""The MQTT session central's roles share."""
