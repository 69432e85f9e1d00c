"""The console at reference size: a filled database that is kept, central's web role beside it, and what browsers and operators measure."""
