"""Consumption: from registers to 15-minute slots, days, months and places; closed months and their adjustments."""
