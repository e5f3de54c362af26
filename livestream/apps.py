from soukloop.core.domain import DomainApp


class LivestreamConfig(DomainApp):
    name = "livestream"
    rate_limits = {
        "stream_write": (60, 60),
        "stream_chat": (10, 60),  # contract 4.5
        "stream_reaction": (600, 60),
        "stream_click": (120, 60),
    }
    api_tags = {
        "App": "What an app reads when it starts: its home screen, and what it must know of the server.",
        "Live streams": "Live streams with their chat, products, replays and analytics.",
    }
