"""Values that users write into variables and forms, read in the same way everywhere."""

LONGEST_TOKEN = 512
LONGEST_PASSWORD = 1024
YES = frozenset({"1", "true", "t", "yes", "y", "on"})
NO = frozenset({"", "0", "false", "f", "no", "n", "off"})


def yes(text: str) -> bool:
    """Return whether `text` means yes. ValueError when it is neither yes nor no."""
    word = text.strip().lower()
    if word not in YES | NO:
        raise ValueError("it should be 1 or 0")
    return word in YES


def usable_token(text: str) -> str:
    """Return the token without surrounding white space, such as the newline of a mounted secret.

    ValueError when it cannot be sent in a header.
    """
    token = text.strip()
    if len(token) > LONGEST_TOKEN or not (token.isascii() and token.isprintable()) or " " in token:
        raise ValueError("it should be copied whole, without anything around it")
    return token


def usable_password(text: str) -> str:
    """Return the password without a newline at its end; spaces may be part of it."""
    password = text.rstrip("\r\n")
    if len(password) > LONGEST_PASSWORD:
        raise ValueError(f"it should have at most {LONGEST_PASSWORD} characters")
    return password
