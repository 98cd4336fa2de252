"""Every SQL statement. One file per table family; functions take a transaction."""
