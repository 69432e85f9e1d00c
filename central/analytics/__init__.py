"""What the figures say that nobody asked: leaks, rises, habits that changed, meters whose battery runs out. Plain rules, replayable."""
