"""Response shapes of a stream: in a list, alone, and for its host."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework import serializers

from accounts.serializers.people import person_payload
from livestream.access import ViewerRights
from livestream.media import addresses
from livestream.models import Stream, StreamProduct
from livestream.selectors.playback import media_addresses
from livestream.selectors.replays import expected_vod_url, vod_url
from livestream.selectors.streams import featured_product
from livestream.serializers.products import StreamProductOutput, stream_product_body
from soukloop.core.http.pagination import PageOutput
from soukloop.core.images import CamelPictureOutput, picture, picture_at, picture_payload


class StreamSellerOutput(serializers.Serializer[None]):
    userId = serializers.UUIDField()
    username = serializers.CharField()
    avatarUrl = serializers.URLField(allow_null=True)
    avatar = CamelPictureOutput(allow_null=True)
    isVerified = serializers.BooleanField()
    hasVerifiedBadge = serializers.BooleanField()
    isFollowing = serializers.BooleanField(help_text="Whether you follow the seller")


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
    dvrUrl = serializers.URLField(
        allow_null=True, help_text="While live: HLS from the stream's start, for players that rewind"
    )
    thumbnailUrl = serializers.URLField(
        allow_null=True,
        help_text="While live: a still that changes every 10 s, 404 before the first picture."
        " Later the replay's poster, if there is one",
    )
    cover = CamelPictureOutput(
        allow_null=True, help_text="The first product's picture, for a card without a `thumbnailUrl`"
    )
    vodUrl = serializers.URLField(allow_null=True, help_text="After the end, unless nothing was recorded")
    scheduledAt = serializers.DateTimeField(allow_null=True, help_text="When it is to begin")
    createdAt = serializers.DateTimeField()
    startedAt = serializers.DateTimeField(allow_null=True)
    endedAt = serializers.DateTimeField(allow_null=True)


class ViewerRightsOutput(serializers.Serializer[None]):
    isModerator = serializers.BooleanField(
        help_text="Whether you may delete messages and mute viewers, as a moderator, the host or staff"
    )
    isMuted = serializers.BooleanField(help_text="Whether you may not write")


class StreamOutput(StreamCardOutput):
    """A stream with its settings and products."""

    notifyFollowers = serializers.BooleanField()
    notifyNeighborhood = serializers.BooleanField()
    enableChat = serializers.BooleanField()
    enableComments = serializers.BooleanField()
    recordStream = serializers.BooleanField()
    slowModeSeconds = serializers.IntegerField()
    canWatch = serializers.BooleanField(
        help_text="False if only followers may watch and you don't follow, and once the video was withdrawn"
    )
    allowedEmoji = serializers.ListField(
        child=serializers.ChoiceField(choices=settings.STREAM_REACTIONS),
        help_text="What `stream:reaction` takes",
    )
    endReason = serializers.ChoiceField(
        choices=Stream.EndReason.choices, allow_null=True, help_text="Null until it has ended"
    )
    me = ViewerRightsOutput(allow_null=True, help_text="Your rights in the chat; null for guests")
    featured = StreamProductOutput(
        allow_null=True, help_text="The product shown last; `product:tagged` announces the next"
    )
    products = StreamProductOutput(many=True)


class StreamPageOutput(PageOutput):
    items = StreamCardOutput(many=True)


class LiveOutput(serializers.Serializer[None]):
    """The response to going live (contract 4.3)."""

    streamId = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Stream.Status.choices)
    rtmpUrl = serializers.CharField()
    rtmpsUrl = serializers.CharField(required=False, help_text="The same, encrypted, if that is offered")
    streamKey = serializers.CharField(help_text="Shown only once, and only to the seller")
    hlsUrl = serializers.URLField(allow_null=True)
    dashUrl = serializers.URLField(allow_null=True)
    startedAt = serializers.DateTimeField()
    notificationsSent = serializers.IntegerField(help_text="How many people are being notified")


class KeyOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    rtmpUrl = serializers.CharField()
    rtmpsUrl = serializers.CharField(required=False, help_text="The same, encrypted, if that is offered")
    streamKey = serializers.CharField(help_text="Shown only once, and only to the seller")


class EndStatsOutput(serializers.Serializer[None]):
    peakViewers = serializers.IntegerField()
    uniqueViewers = serializers.IntegerField()
    totalLikes = serializers.IntegerField()
    chatMessages = serializers.IntegerField()
    averageWatchTime = serializers.IntegerField(allow_null=True, help_text="Seconds; null without viewers")
    productsTagged = serializers.IntegerField()
    clicksOnProducts = serializers.IntegerField()


class EndOutput(serializers.Serializer[None]):
    """The response to ending a stream (contract 4.8)."""

    streamId = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Stream.Status.choices)
    duration = serializers.IntegerField(help_text="Seconds")
    stats = EndStatsOutput()
    vodUrl = serializers.URLField(allow_null=True)
    endedAt = serializers.DateTimeField()


def seller_body(stream: Stream) -> dict[str, Any]:
    seller = stream.seller
    return person_payload(seller) | {
        "avatar": picture_payload(picture(seller.avatar)),
        "isVerified": seller.is_verified,
        "hasVerifiedBadge": seller.has_verified_badge,
        "isFollowing": stream.is_following,  # type: ignore[attr-defined]
    }


def card_body(stream: Stream, *, viewer_id: UUID | None, can_watch: bool = True) -> dict[str, Any]:
    """Return a stream loaded with `with_card_fields`, without video URLs unless the viewer `can_watch`."""
    live_video = media_addresses(stream, viewer_id) if stream.is_live and can_watch else None
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
        "hlsUrl": live_video.hls if live_video else None,
        "dashUrl": live_video.dash if live_video else None,
        "dvrUrl": live_video.dvr if live_video else None,
        "thumbnailUrl": live_video.still if live_video else _poster_url(stream, viewer_id, can_watch),
        "cover": picture_payload(picture_at(stream.cover_url)),  # type: ignore[attr-defined]
        "vodUrl": vod_url(stream, viewer_id) if can_watch else None,
        "scheduledAt": stream.scheduled_at,
        "createdAt": stream.created_at,
        "startedAt": stream.started_at,
        "endedAt": stream.ended_at,
    }


def _poster_url(stream: Stream, viewer_id: UUID | None, can_watch: bool) -> str | None:
    has_poster = can_watch and vod_url(stream, viewer_id) is not None and stream.replay.has_poster
    found = media_addresses(stream, viewer_id) if has_poster else None
    return found.poster if found else None


def stream_body(
    stream: Stream,
    products: list[StreamProduct],
    *,
    viewer_id: UUID | None,
    rights: ViewerRights | None,
    can_watch: bool = True,
) -> dict[str, Any]:
    """Return a StreamOutput; `rights` are None for guests."""
    featured = featured_product(products)
    return {
        **card_body(stream, viewer_id=viewer_id, can_watch=can_watch),
        "notifyFollowers": stream.notify_followers,
        "notifyNeighborhood": stream.notify_neighborhood,
        "enableChat": stream.enable_chat,
        "enableComments": stream.enable_comments,
        "recordStream": stream.record_stream,
        "slowModeSeconds": stream.slow_mode_seconds,
        "canWatch": can_watch,
        "allowedEmoji": settings.STREAM_REACTIONS,
        "endReason": stream.end_reason or None,
        "me": {"isModerator": rights.is_moderator, "isMuted": rights.is_muted} if rights else None,
        "featured": stream_product_body(featured) if featured else None,
        "products": [stream_product_body(stream_product) for stream_product in products],
    }


def end_body(stream: Stream, stats: Mapping[str, Any]) -> dict[str, Any]:
    """Return the response to ending a stream; `stats` come from `selectors.analytics.end_stats`."""
    return {
        "streamId": stream.pk,
        "status": stream.status,
        "duration": stream.duration_seconds,
        "stats": stats,
        "vodUrl": expected_vod_url(stream, stream.seller_id),
        "endedAt": stream.ended_at,
    }


def live_body(stream: Stream, key: str) -> dict[str, Any]:
    """Return the response to going live, with the video's addresses for the seller."""
    video = media_addresses(stream, stream.seller_id)
    return {
        "streamId": stream.pk,
        "status": stream.status,
        **_ingest_body(key),
        "hlsUrl": video.hls if video else None,
        "dashUrl": video.dash if video else None,
        "startedAt": stream.started_at,
        "notificationsSent": stream.notifications_sent,
    }


def key_body(stream: Stream, key: str) -> dict[str, Any]:
    return {"streamId": stream.pk, **_ingest_body(key)}


def _ingest_body(key: str) -> dict[str, str]:
    """Return where an encoder publishes, and with which key."""
    encrypted = {"rtmpsUrl": addresses.rtmps_url()} if addresses.rtmps_url() else {}
    return {"rtmpUrl": addresses.rtmp_url(), **encrypted, "streamKey": key}
