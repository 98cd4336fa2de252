"""The service: asks, shows, verifies, decides, records. Needs the `server` extra."""
