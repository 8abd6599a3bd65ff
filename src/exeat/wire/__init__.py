"""Bytes to events and back, without sockets or a clock."""
