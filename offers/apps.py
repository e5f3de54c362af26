from django.apps import AppConfig


class OffersConfig(AppConfig):
    name = "offers"

    def ready(self) -> None:
        # Only now may models be imported.
        from listings import hooks as listings_hooks  # noqa: PLC0415
        from offers import access  # noqa: PLC0415
        from offers.services import closing  # noqa: PLC0415

        listings_hooks.on_product_withdrawn(closing.close_offers_of_product)
        listings_hooks.let_see_sold(access.has_bought)
