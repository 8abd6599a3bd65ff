"""The data plane: from a caller's bytes to an upstream's answer."""
