"""Exeat, an outbound API gateway: callers hold one key, the gateway holds the credentials."""

__version__ = "0.1.0"
