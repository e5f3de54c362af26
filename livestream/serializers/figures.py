"""A stream's figures and its replay as clients see them."""

from typing import Any

from rest_framework import serializers

from livestream.models import Replay


class BasicStatsOutput(serializers.Serializer[None]):
    duration = serializers.IntegerField(help_text="Seconds")
    peakViewers = serializers.IntegerField()
    uniqueViewers = serializers.IntegerField()
    averageWatchTime = serializers.IntegerField(allow_null=True, help_text="Seconds; null: nobody watched")
    notificationsSent = serializers.IntegerField()


class EngagementOutput(serializers.Serializer[None]):
    totalLikes = serializers.IntegerField(help_text="All reactions together")
    totalReactions = serializers.DictField(child=serializers.IntegerField(), help_text="Emoji → how often")
    chatMessages = serializers.IntegerField()
    newFollowers = serializers.IntegerField(help_text="Of the seller, while it was live")


class ProductFiguresOutput(serializers.Serializer[None]):
    productId = serializers.UUIDField()
    title = serializers.CharField()
    clicks = serializers.IntegerField(help_text="Taps on it, in the stream and its replay")
    views = serializers.IntegerField(help_text="People who watched once it was on the picture")
    inquiries = serializers.IntegerField(
        help_text="People who opened a conversation about it while live, or made an offer in the stream"
    )
    purchases = serializers.IntegerField()
    revenue = serializers.FloatField()


class RevenueOutput(serializers.Serializer[None]):
    totalSales = serializers.IntegerField()
    grossRevenue = serializers.FloatField()
    platformFee = serializers.FloatField()
    netRevenue = serializers.FloatField()


class NeighborhoodOutput(serializers.Serializer[None]):
    neighborhood = serializers.CharField()
    viewers = serializers.IntegerField()


class GeographyOutput(serializers.Serializer[None]):
    topNeighborhoods = NeighborhoodOutput(many=True)


class MinuteOutput(serializers.Serializer[None]):
    minute = serializers.DateTimeField()
    viewers = serializers.IntegerField()


class AnalyticsOutput(serializers.Serializer[None]):
    """Contract 4.9."""

    basicStats = BasicStatsOutput()
    engagement = EngagementOutput()
    products = ProductFiguresOutput(many=True)
    revenue = RevenueOutput()
    geography = GeographyOutput()
    viewersPerMinute = MinuteOutput(many=True)


class ChatMessageOutput(serializers.Serializer[None]):
    messageId = serializers.UUIDField()
    streamId = serializers.UUIDField()
    seq = serializers.IntegerField(help_text="From 1, without gaps; a deleted one leaves its number")
    userId = serializers.UUIDField()
    username = serializers.CharField()
    avatarUrl = serializers.URLField(allow_null=True)
    message = serializers.CharField()
    timestamp = serializers.DateTimeField()
    clientMessageId = serializers.CharField(required=False)


class ChatPageOutput(serializers.Serializer[None]):
    items = ChatMessageOutput(many=True)
    hasMore = serializers.BooleanField(help_text="In the direction that was asked for")
    lastSeq = serializers.IntegerField()


class ChatRulesOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    enableChat = serializers.BooleanField()
    slowModeSeconds = serializers.IntegerField()


class ClickOutput(serializers.Serializer[None]):
    productId = serializers.UUIDField()
    clicks = serializers.IntegerField()


class ReplayMessageOutput(ChatMessageOutput):
    atSeconds = serializers.FloatField(help_text="On the video's own clock")


class ReplayTagOutput(serializers.Serializer[None]):
    productId = serializers.UUIDField()
    title = serializers.CharField()
    x = serializers.FloatField()
    y = serializers.FloatField()
    atSeconds = serializers.FloatField(help_text="On the video's own clock")


class ReplayOutput(serializers.Serializer[None]):
    streamId = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Replay.State.choices)
    progress = serializers.IntegerField(help_text="Per cent")
    vodUrl = serializers.URLField(allow_null=True, help_text="HLS")
    mp4Url = serializers.URLField(allow_null=True)
    posterUrl = serializers.URLField(allow_null=True)
    durationSeconds = serializers.FloatField(allow_null=True)
    tags = ReplayTagOutput(many=True)
    chat = ReplayMessageOutput(many=True)
    hasMoreChat = serializers.BooleanField(help_text="Go on with `after_seq`")


def chat_rules_body(stream: Any) -> dict[str, Any]:
    return {
        "streamId": stream.pk,
        "enableChat": stream.enable_chat,
        "slowModeSeconds": stream.slow_mode_seconds,
    }
