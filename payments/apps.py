from soukloop.core.domain import DomainApp


class PaymentsConfig(DomainApp):
    name = "payments"
