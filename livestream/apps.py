from django.apps import AppConfig


class LivestreamConfig(AppConfig):
    name = "livestream"

    def ready(self) -> None:
        # Only once all models are there can what reacts to the lower apps be imported.
        from accounts.hooks import on_account_closed, on_blocked, on_unfollowed  # noqa: PLC0415
        from listings.hooks import count_live_streams_with, on_product_withdrawn  # noqa: PLC0415
        from livestream.selectors.lists import live_counts_by_category  # noqa: PLC0415
        from livestream.services.products import product_withdrawn  # noqa: PLC0415
        from livestream.services.rooms import see_out_blocked, see_out_unfollowed  # noqa: PLC0415
        from livestream.services.streams import close_streams_of  # noqa: PLC0415

        on_account_closed(close_streams_of)
        on_blocked(see_out_blocked)
        on_unfollowed(see_out_unfollowed)
        on_product_withdrawn(product_withdrawn)
        count_live_streams_with(live_counts_by_category)
