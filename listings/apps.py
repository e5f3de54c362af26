from soukloop.core.domain import DomainApp


class ListingsConfig(DomainApp):
    name = "listings"
    rate_limits = {
        "product_write": (120, 60),
        "search": (240, 60),
    }
    api_tags = {
        "Browse": "Feeds, search and categories.",
        "Products": "Products, their images and favourites.",
    }
