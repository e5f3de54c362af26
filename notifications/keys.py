"""Redis keys: the access token of FCM."""


def fcm_access_token(account: str) -> str:
    """Access token of a service account, encrypted, until some minutes before it expires."""
    return f"push:fcm_token:{account}"


def fcm_access_token_lock(account: str) -> str:
    """Held by the process that fetches the access token."""
    return f"push:fcm_token_lock:{account}"
