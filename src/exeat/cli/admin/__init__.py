"""Commands that see and change what a gateway is configured with: one client of the admin API."""
