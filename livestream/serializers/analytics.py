"""Response shapes of a stream's analytics."""

from rest_framework import serializers


class BasicStatsOutput(serializers.Serializer[None]):
    duration = serializers.IntegerField(help_text="Seconds")
    peakViewers = serializers.IntegerField()
    uniqueViewers = serializers.IntegerField()
    averageWatchTime = serializers.IntegerField(allow_null=True, help_text="Seconds; null without viewers")
    notificationsSent = serializers.IntegerField()


class EngagementOutput(serializers.Serializer[None]):
    totalLikes = serializers.IntegerField(help_text="All reactions together")
    totalReactions = serializers.DictField(child=serializers.IntegerField(), help_text="Emoji → count")
    chatMessages = serializers.IntegerField()
    newFollowers = serializers.IntegerField(help_text="Of the seller, while the stream was live")


class ProductFiguresOutput(serializers.Serializer[None]):
    productId = serializers.UUIDField()
    title = serializers.CharField()
    clicks = serializers.IntegerField(help_text="People who tapped the product, in the stream and its replay")
    views = serializers.IntegerField(help_text="People who watched after the product was first tagged")
    inquiries = serializers.IntegerField(
        help_text="People who opened a conversation about the product while the stream was live, or made an"
        " offer in it"
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
    """A stream's analytics (contract 4.9)."""

    basicStats = BasicStatsOutput()
    engagement = EngagementOutput()
    products = ProductFiguresOutput(many=True)
    revenue = RevenueOutput()
    geography = GeographyOutput()
    viewersPerMinute = MinuteOutput(many=True)
