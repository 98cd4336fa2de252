"""What programs call, with an API key. One file a noun."""
