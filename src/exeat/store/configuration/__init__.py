"""The configuration that the database holds: objects, keys, secrets, administrators, and every change of them."""
