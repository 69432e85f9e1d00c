"""The campus's field side on this machine: virtual RS-485 lines and devices, true to bytes and time."""
