from django.apps import AppConfig


class OffersConfig(AppConfig):
    name = "offers"

    def ready(self) -> None:
        # Only now may models be imported.
        from listings.hooks import on_product_withdrawn  # noqa: PLC0415
        from offers.services.closing import close_offers_of_product  # noqa: PLC0415

        on_product_withdrawn(close_offers_of_product)
