"""Every socket that this server opens itself."""
