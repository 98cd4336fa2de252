"""Cosignet: Critical Action Control. No signature, no approval."""

__version__ = "0.1.0"
