"""A whole site on this machine: broker, virtual devices, central and agents as child processes under one supervisor."""
