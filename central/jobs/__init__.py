"""Work that exactly one process does: the leader by advisory lock."""
