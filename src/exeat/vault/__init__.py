"""What Exeat keeps under lock: the keyring of master keys, and values that are sealed under them."""
