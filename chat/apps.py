from soukloop.core.domain import DomainApp


class ChatConfig(DomainApp):
    name = "chat"
    rate_limits = {
        "message_send": (120, 60),
        "conversation_create": (60, 60),
        "typing": (120, 60),
    }
    api_tags = {
        "Conversations": "Messages between a buyer and a seller about a product.",
    }
