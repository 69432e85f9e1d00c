"""Meters that report by themselves: reports in, commands out, who is silent."""
