"""Completeness: of the readings that were due, how many there are; by device, gateway, place and site, by day and by hour."""
