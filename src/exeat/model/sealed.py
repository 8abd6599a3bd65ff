"""What may be seen of a sealed value without a key: which master key opens it. exeat.vault.seal has the rest."""

VERSION = 1
ID_AT = 1
ID_BYTES = 8


def master_key_of(sealed: bytes) -> str:
    """The id of the master key that a sealed value needs; ValueError if it names none."""
    if sealed[:ID_AT] != bytes([VERSION]) or len(sealed) < ID_AT + ID_BYTES:
        raise ValueError("a sealed value is damaged, or a newer version of Exeat has sealed it")
    return sealed[ID_AT : ID_AT + ID_BYTES].hex()
