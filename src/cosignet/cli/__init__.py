"""The command line: thin. `verify` and `guard` for everybody, the rest where the server is."""
