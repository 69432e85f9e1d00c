"""The tools of whoever adds a device to the library: write a profile's skeleton, check it, try it on a device, keep what was seen as a test."""
