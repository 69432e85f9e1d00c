"""Gateways: what they say about themselves, and the documents they are to follow."""
