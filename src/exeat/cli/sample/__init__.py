"""The sample API of `exeat demo`: six small HTTPS services on loopback, each with a credential of its own."""
