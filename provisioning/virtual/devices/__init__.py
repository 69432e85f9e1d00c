"""Virtual devices by protocol, each with framing, checksum and encoding of its own: a mistake in the agent's codec cannot cancel out here."""
