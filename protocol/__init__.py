"""The shared language: frozen records, quantities, messages, errors and wire codecs. Pure: no sockets, files, clocks, threads."""
