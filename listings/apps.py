from soukloop.core.domain import DomainApp


class ListingsConfig(DomainApp):
    name = "listings"
    rate_limits = {
        "product_write": (120, 60),
        "search": (240, 60),
        "video_part": (2400, 600),  # a video of 200 MB in parts of 256 KB, three times
    }
    api_tags = {
        "Browse": "Feeds, search and categories.",
        "Products": "Products, their images and favourites.",
    }
