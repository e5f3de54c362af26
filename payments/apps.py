from soukloop.core.domain import DomainApp


class PaymentsConfig(DomainApp):
    name = "payments"
    rate_limits = {
        "document_pdf": (30, 300),
        "payment_account": (30, 3600),  # each asks the provider
    }
    api_tags = {
        "Payments": "Money between buyers, sellers and us; card data goes to the provider alone.",
        "Documents": "Invoices of our fee, receipts and credit notes.",
    }
