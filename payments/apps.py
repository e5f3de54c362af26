from soukloop.core.domain import DomainApp


class PaymentsConfig(DomainApp):
    name = "payments"
    api_tags = {
        "Payments": "Money between buyers, sellers and us; card data goes to the provider alone.",
    }
