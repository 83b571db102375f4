"""What people write into variables and fields, read in one way everywhere."""

LONGEST_TOKEN = 512
LONGEST_PASSWORD = 1024
YES = frozenset({"1", "true", "t", "yes", "y", "on"})
NO = frozenset({"", "0", "false", "f", "no", "n", "off"})


def yes(text: str) -> bool:
    """ValueError when it is neither yes nor no."""
    word = text.strip().lower()
    if word not in YES | NO:
        raise ValueError("it should be 1 or 0")
    return word in YES


def usable_token(text: str) -> str:
    """Without what surrounds it, a mounted secret's last newline above all; ValueError when no header can carry it."""
    token = text.strip()
    if len(token) > LONGEST_TOKEN or not (token.isascii() and token.isprintable()) or " " in token:
        raise ValueError("it should be copied whole, without anything around it")
    return token


def usable_password(text: str) -> str:
    """Spaces may be part of it, a newline at its end cannot."""
    password = text.rstrip("\r\n")
    if len(password) > LONGEST_PASSWORD:
        raise ValueError(f"it should have at most {LONGEST_PASSWORD} characters")
    return password
