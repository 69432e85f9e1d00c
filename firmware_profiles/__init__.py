"""Device profiles as data, one YAML per maker and model, with the loader and the rules every profile keeps."""
