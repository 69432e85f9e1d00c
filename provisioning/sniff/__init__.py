"""Listening to a line, or to what was captured of one, and saying in words what is spoken there. Nothing here ever writes to a line."""
