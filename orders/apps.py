from soukloop.core.domain import DomainApp


class OrdersConfig(DomainApp):
    name = "orders"
