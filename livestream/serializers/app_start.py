"""Response shapes of what an app reads when it starts."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from accounts.models import User
from listings.serializers.lists import CardPageOutput
from livestream.serializers.streams import StreamCardOutput
from offers.serializers import BadgesOutput
from payments.providers import card_provider
from soukloop import __version__


class HomeOutput(serializers.Serializer[None]):
    """The home screen. Names in `live_now` are camelCase, as in all answers about streams."""

    live_now = StreamCardOutput(
        many=True, help_text=f"The {settings.HOME_LIVE_STREAMS_MAX} most watched streams that you may watch"
    )
    near_you = CardPageOutput(help_text="The first page of the Community feed; empty without a place")
    discover = CardPageOutput(help_text="The first page of the Discover feed")
    badges = BadgesOutput(allow_null=True, help_text="Null for guests")


class MinimumVersionsOutput(serializers.Serializer[None]):
    """The oldest versions of the apps that this server works with; older ones should ask to be updated."""

    ios = serializers.CharField()
    android = serializers.CharField()
    web = serializers.CharField()


class LimitsOutput(serializers.Serializer[None]):
    """What the server refuses beyond, so that an app can say so before it sends."""

    active_products_max = serializers.IntegerField(help_text="Of one seller")
    community_radius_km_max = serializers.IntegerField()
    image_bytes_max = serializers.IntegerField()
    message_editable_seconds = serializers.IntegerField()
    message_length_max = serializers.IntegerField()
    page_size_max = serializers.IntegerField()
    people_search_length_min = serializers.IntegerField()
    price_max = serializers.FloatField()
    product_images_max = serializers.IntegerField()
    product_tags_max = serializers.IntegerField()
    search_length_max = serializers.IntegerField()
    stream_chat_length_max = serializers.IntegerField()
    stream_products_max = serializers.IntegerField()
    video_bytes_max = serializers.IntegerField()
    video_seconds_max = serializers.IntegerField()
    typing_seconds = serializers.IntegerField(help_text="How long a typing indicator lasts")


class PaymentsOutput(serializers.Serializer[None]):
    """What an app needs to open the form of the card provider."""

    provider = serializers.CharField(help_text="`sandbox` moves no money")
    client_settings = serializers.DictField(
        child=serializers.CharField(), help_text="Such as the provider's publishable key"
    )


class ConfigOutput(serializers.Serializer[None]):
    """What an app must know of the server before its first screen."""

    api_version = serializers.CharField()
    minimum_versions = MinimumVersionsOutput()
    limits = LimitsOutput()
    reactions = serializers.ListField(
        child=serializers.ChoiceField(choices=settings.STREAM_REACTIONS),
        help_text="The emoji that `stream:reaction` takes",
    )
    languages = serializers.ListField(child=serializers.ChoiceField(choices=User.Language.choices))
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    payments = PaymentsOutput()
    categories_version = serializers.CharField(
        help_text="Changes when categories do: read `/categories` again, whose names may be kept until then"
    )


def config_body(categories_version: str) -> dict[str, Any]:
    """Return a ConfigOutput."""
    return {
        "api_version": __version__,
        "minimum_versions": settings.MINIMUM_APP_VERSIONS,
        "limits": {
            "active_products_max": settings.ACTIVE_PRODUCTS_MAX,
            "community_radius_km_max": settings.COMMUNITY_RADIUS_KM_MAX,
            "image_bytes_max": settings.UPLOAD_MAX_BYTES,
            "message_editable_seconds": settings.MESSAGE_EDITABLE_SECONDS,
            "message_length_max": settings.MESSAGE_MAX_LENGTH,
            "page_size_max": settings.PAGE_SIZE_MAX,
            "people_search_length_min": settings.PEOPLE_SEARCH_MIN_LENGTH,
            "price_max": float(settings.PRICE_MAX),
            "product_images_max": settings.PRODUCT_IMAGES_MAX,
            "product_tags_max": settings.PRODUCT_TAGS_MAX,
            "search_length_max": settings.SEARCH_QUERY_MAX_LENGTH,
            "stream_chat_length_max": settings.STREAM_CHAT_MAX_LENGTH,
            "stream_products_max": settings.STREAM_PRODUCTS_MAX,
            "video_bytes_max": settings.VIDEO_MAX_BYTES,
            "video_seconds_max": int(settings.VIDEO_MAX_DURATION.total_seconds()),
            "typing_seconds": int(settings.TYPING_TTL.total_seconds()),
        },
        "reactions": settings.STREAM_REACTIONS,
        "languages": User.Language.values,
        "currency": settings.CURRENCY,
        "payments": {
            "provider": settings.CARD_PROVIDER,
            "client_settings": card_provider().client_settings(),
        },
        "categories_version": categories_version,
    }
