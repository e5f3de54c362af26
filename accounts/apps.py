from soukloop.core.domain import DomainApp


class AccountsConfig(DomainApp):
    name = "accounts"
    rate_limits = {
        "register": (200, 3600),
        "login_ip": (300, 60),
        # Failures only: of one identifier from one address, of one identifier from all addresses (which
        # refuses only those that it has not logged in from), and of all identifiers from one address.
        "login_identifier": (10, 300),
        "login_identifier_elsewhere": (100, 3600),
        "login_failures_ip": (300, 600),
        "otp_send_ip": (120, 600),
        "otp_send_identifier": (3, 600),  # of one identifier from one address
        "otp_verify_ip": (300, 600),
        "refresh": (1200, 60),
        "password": (10, 600),  # failures only
        "ws_ticket": (60, 60),
        "follow": (120, 60),
        "people_search": (120, 60),
    }
    rate_limits_of_attempts = frozenset(
        {"register", "login_ip", "otp_send_ip", "otp_verify_ip", "refresh", "password"}
    )
    api_tags = {
        "Account": "Registering, logging in, one-time codes, passwords, your own profile.",
        "People": "Other people's profiles; following and blocking.",
    }
