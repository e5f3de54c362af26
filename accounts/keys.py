"""Redis keys: one-time codes, and tickets for sockets."""


def otp(identifier: str) -> str:
    """String, OTP_TTL: the code itself when DEBUG (contract 1.3), otherwise its keyed hash."""
    return f"otp:{identifier}"


def ws_ticket(digest: str) -> str:
    """String, WS_TICKET_TTL: the user, token version and login that one socket handshake may use."""
    return f"ws_ticket:{digest}"
