"""What outlives the process, in SQL: the audit trail, its roll-ups, and how both are read again."""
