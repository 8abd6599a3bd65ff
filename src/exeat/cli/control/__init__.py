"""The control process: the database, the admin API, and what the supervisor is told of both."""
