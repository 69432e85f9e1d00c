"""Commands at the edge: what may be done (guard), and doing it once (executor)."""
