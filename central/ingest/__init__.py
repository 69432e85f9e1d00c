"""MQTT to database: verify, store once, acknowledge. Stateless; any number of workers share one subscription."""
