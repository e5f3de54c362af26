from soukloop.core.domain import DomainApp


class AccountsConfig(DomainApp):
    name = "accounts"
    rate_limits = {
        "register": (20, 3600),
        "login_ip": (60, 60),
        "login_identifier": (10, 300),
        "otp_send_ip": (30, 600),
        "otp_send_identifier": (3, 600),
        "otp_verify_ip": (60, 600),
        "refresh": (120, 60),
        "password": (10, 600),
        "ws_ticket": (60, 60),
        "follow": (120, 60),
    }
    rate_limits_of_attempts = frozenset(
        {"register", "login_ip", "otp_send_ip", "otp_verify_ip", "refresh", "password"}
    )
    api_tags = {
        "Account": "Registering, logging in, one-time codes, passwords, your own profile.",
        "People": "Other people's profiles; following and blocking.",
    }
