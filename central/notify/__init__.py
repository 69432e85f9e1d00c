"""Telling people and systems of alarms, with proof that it was sent."""
