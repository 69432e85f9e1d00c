"""Actions on many rows at once: looked at first, started once, worked off in the background, with a result for each row."""
