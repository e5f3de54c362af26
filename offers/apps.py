from soukloop.core.domain import DomainApp


class OffersConfig(DomainApp):
    name = "offers"
    rate_limits = {
        "offer_create": (60, 60),
    }
    api_tags = {
        "Offers": "A price that one side proposes and the other accepts, declines or counters.",
        "Transactions": "Sales that both sides agreed on.",
    }
