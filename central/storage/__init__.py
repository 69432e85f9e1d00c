"""How readings are kept: packing of old ones, compression, retention, what it all takes."""
