"""Streams as clients see them."""

from typing import Any

from rest_framework import serializers

from accounts.serializers.people import person_payload
from livestream.media import addresses
from livestream.models import Replay, Stream, StreamProduct
from livestream.selectors.replays import replay_of


class StreamSellerOutput(serializers.Serializer[None]):
    userId = serializers.UUIDField()
    username = serializers.CharField()
    avatarUrl = serializers.URLField(allow_null=True)
    isVerified = serializers.BooleanField()


class StreamProductOutput(serializers.Serializer[None]):
    productId = serializers.UUIDField()
    title = serializers.CharField()
    price = serializers.FloatField()
    currency = serializers.CharField()
    thumbnailUrl = serializers.URLField(allow_null=True)
    status = serializers.CharField()
    position = serializers.IntegerField()
    clicks = serializers.IntegerField()
    x = serializers.FloatField(allow_null=True)
    y = serializers.FloatField(allow_null=True)
    timestampSeconds = serializers.IntegerField(allow_null=True)


class StreamCardOutput(serializers.Serializer[None]):
    """A stream in a list."""

    streamId = serializers.UUIDField()
    title = serializers.CharField()
    description = serializers.CharField()
    category = serializers.CharField()
    status = serializers.ChoiceField(choices=Stream.Status.choices)
    audience = serializers.ChoiceField(choices=Stream.Audience.choices)
    estimatedDuration = serializers.IntegerField(help_text="Minutes")
    productCount = serializers.IntegerField()
    viewerCount = serializers.IntegerField()
    peakViewers = serializers.IntegerField()
    totalLikes = serializers.IntegerField()
    chatMessages = serializers.IntegerField()
    seller = StreamSellerOutput()
    hlsUrl = serializers.URLField(allow_null=True, help_text="While live")
    dashUrl = serializers.URLField(allow_null=True, help_text="While live")
    vodUrl = serializers.URLField(allow_null=True, help_text="Once over, unless nothing was recorded")
    createdAt = serializers.DateTimeField()
    startedAt = serializers.DateTimeField(allow_null=True)
    endedAt = serializers.DateTimeField(allow_null=True)


class StreamOutput(StreamCardOutput):
    """A stream by itself."""

    notifyFollowers = serializers.BooleanField()
    notifyNeighborhood = serializers.BooleanField()
    enableChat = serializers.BooleanField()
    enableComments = serializers.BooleanField()
    recordStream = serializers.BooleanField()
    slowModeSeconds = serializers.IntegerField()
    canWatch = serializers.BooleanField(help_text="False: it is for followers, and you are none")
    products = StreamProductOutput(many=True)


class StreamPageOutput(serializers.Serializer[None]):
    items = StreamCardOutput(many=True)
    page = serializers.IntegerField()
    per_page = serializers.IntegerField()
    total = serializers.IntegerField()
    has_more = serializers.BooleanField()


class LiveOutput(serializers.Serializer[None]):
    """What an encoder and its viewers need (contract 4.3)."""

    streamId = serializers.UUIDField()
    status = serializers.CharField()
    rtmpUrl = serializers.CharField()
    streamKey = serializers.CharField(help_text="Shown this once, to its owner alone")
    hlsUrl = serializers.URLField()
    dashUrl = serializers.URLField()
    startedAt = serializers.DateTimeField()
    notificationsSent = serializers.IntegerField(help_text="How many people are told")


class KeyOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    rtmpUrl = serializers.CharField()
    streamKey = serializers.CharField(help_text="Shown this once, to its owner alone")


class EndStatsOutput(serializers.Serializer[None]):
    peakViewers = serializers.IntegerField()
    uniqueViewers = serializers.IntegerField()
    totalLikes = serializers.IntegerField()
    chatMessages = serializers.IntegerField()
    averageWatchTime = serializers.IntegerField(allow_null=True, help_text="Seconds; null: nobody watched")
    productsTagged = serializers.IntegerField()
    clicksOnProducts = serializers.IntegerField()


class EndOutput(serializers.Serializer[None]):
    """Contract 4.8."""

    streamId = serializers.UUIDField()
    status = serializers.CharField()
    duration = serializers.IntegerField(help_text="Seconds")
    stats = EndStatsOutput()
    vodUrl = serializers.URLField(allow_null=True)
    endedAt = serializers.DateTimeField()


def seller_body(stream: Stream) -> dict[str, Any]:
    return person_payload(stream.seller) | {"isVerified": stream.seller.is_verified}


def card_body(stream: Stream, *, can_watch: bool = True) -> dict[str, Any]:
    """Render a stream that `selectors.lists.with_what_is_shown` loaded; addresses only for who may watch."""
    is_shown = stream.is_live and can_watch
    return {
        "streamId": stream.pk,
        "title": stream.title,
        "description": stream.description,
        "category": stream.category_id,
        "status": stream.status,
        "audience": stream.audience,
        "estimatedDuration": stream.estimated_duration,
        "productCount": stream.product_count,  # type: ignore[attr-defined]
        "viewerCount": stream.viewer_count,
        "peakViewers": stream.peak_viewers,
        "totalLikes": stream.total_likes,
        "chatMessages": stream.chat_count,
        "seller": seller_body(stream),
        "hlsUrl": addresses.hls_url(stream.public_id) if is_shown else None,
        "dashUrl": addresses.dash_url(stream.public_id) if is_shown else None,
        "vodUrl": vod_url(stream) if can_watch else None,
        "createdAt": stream.created_at,
        "startedAt": stream.started_at,
        "endedAt": stream.ended_at,
    }


def stream_body(stream: Stream, products: list[StreamProduct], *, can_watch: bool = True) -> dict[str, Any]:
    return {
        **card_body(stream, can_watch=can_watch),
        "notifyFollowers": stream.notify_followers,
        "notifyNeighborhood": stream.notify_neighborhood,
        "enableChat": stream.enable_chat,
        "enableComments": stream.enable_comments,
        "recordStream": stream.record_stream,
        "slowModeSeconds": stream.slow_mode_seconds,
        "canWatch": can_watch,
        "products": [product_body(shown) for shown in products],
    }


def product_body(shown: StreamProduct) -> dict[str, Any]:
    product = shown.product
    return {
        "productId": product.pk,
        "title": product.title,
        "price": product.price,
        "currency": product.currency,
        "thumbnailUrl": product.thumbnail_url or None,
        "status": product.status,
        "position": shown.position,
        "clicks": shown.clicks,
        "x": shown.tag_x,
        "y": shown.tag_y,
        "timestampSeconds": shown.tag_timestamp_seconds,
    }


def live_body(stream: Stream, key: str) -> dict[str, Any]:
    return {
        "streamId": stream.pk,
        "status": stream.status,
        "rtmpUrl": addresses.rtmp_url(),
        "streamKey": key,
        "hlsUrl": addresses.hls_url(stream.public_id),
        "dashUrl": addresses.dash_url(stream.public_id),
        "startedAt": stream.started_at,
        "notificationsSent": stream.notifications_sent,
    }


def key_body(stream: Stream, key: str) -> dict[str, Any]:
    return {"streamId": stream.pk, "rtmpUrl": addresses.rtmp_url(), "streamKey": key}


def vod_url(stream: Stream) -> str | None:
    """Return where the replay is or will be; None where there is nothing to come."""
    replay = replay_of(stream)
    if stream.status != Stream.Status.ENDED or replay is None:
        return None
    if replay.state in (Replay.State.EMPTY, Replay.State.FAILED):
        return None
    return addresses.vod_url(stream.public_id)
