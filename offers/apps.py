from django.apps import AppConfig


class OffersConfig(AppConfig):
    name = "offers"

    def ready(self) -> None:
        # Only now may models be imported.
        from accounts import hooks as accounts_hooks  # noqa: PLC0415
        from listings import hooks as listings_hooks  # noqa: PLC0415
        from offers import access  # noqa: PLC0415
        from offers.services import closing  # noqa: PLC0415

        accounts_hooks.on_account_closed(closing.end_offers_of)
        accounts_hooks.on_blocked(closing.end_offers_between)
        listings_hooks.on_product_withdrawn(closing.close_offers_of_product)
        listings_hooks.let_see_sold(access.has_bought)
