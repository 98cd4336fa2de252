"""The rules both sides share: standard library only, no I/O, no clock, no randomness."""
