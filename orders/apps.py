from soukloop.core.domain import DomainApp


class OrdersConfig(DomainApp):
    name = "orders"
    rate_limits = {
        "address_write": (60, 60),
    }
    api_tags = {
        "Addresses": "Where you let things be sent.",
    }
