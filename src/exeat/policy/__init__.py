"""Pure functions that decide about one request, one concern a file."""
