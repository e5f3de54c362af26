from django.apps import AppConfig


class ListingsConfig(AppConfig):
    name = "listings"

    def ready(self) -> None:
        # Only once all models are there can what reacts to accounts be imported.
        from accounts import hooks  # noqa: PLC0415
        from listings.services import close_seller, reopen_seller  # noqa: PLC0415

        hooks.on_account_closed(close_seller)
        hooks.on_account_reopened(reopen_seller)
