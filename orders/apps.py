from soukloop.core.domain import DomainApp


class OrdersConfig(DomainApp):
    name = "orders"
    rate_limits = {
        "address_write": (60, 60),
        "order_write": (60, 60),
        "hand_over": (30, 60),
        "dispute_write": (60, 60),
        "review_write": (60, 60),
    }
    rate_limits_of_attempts = frozenset({"hand_over"})
    api_tags = {
        "Orders": "What is bought: how it is paid, handed over or sent, and completed.",
        "Addresses": "Where you let things be sent.",
        "Disputes": "A buyer's claim about an order; our staff decide if the two don't agree.",
        "Reviews": "What the two sides of a completed order think of one another.",
    }
