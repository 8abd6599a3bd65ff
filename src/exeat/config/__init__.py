"""From settings and documents to a snapshot."""
