"""Response shapes of lists: feeds, searches with facets, suggestions, favourites, categories."""

from typing import Any

from rest_framework import serializers

from listings.models import Product
from listings.serializers.products import CardOutput
from soukloop.core.http.pagination import PageOutput


class CardPageOutput(PageOutput):
    items = CardOutput(many=True)
    total_is_exact = serializers.BooleanField(help_text="False if counting stopped at the limit")
    next_cursor = serializers.CharField(allow_null=True, help_text="Send it as `cursor` to get the next page")


class FavoritesOutput(PageOutput):
    items = CardOutput(many=True)


class CategoryFacetOutput(serializers.Serializer[Any]):
    category = serializers.CharField()
    count = serializers.IntegerField()


class PriceFacetOutput(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment]  # a field named as a field's attribute
    min_price = serializers.IntegerField()
    max_price = serializers.IntegerField(allow_null=True)
    count = serializers.IntegerField()


class ConditionFacetOutput(serializers.Serializer[Any]):
    condition = serializers.ChoiceField(choices=Product.Condition.choices)
    label = serializers.CharField()  # type: ignore[assignment]  # a field named as a field's attribute
    count = serializers.IntegerField()


class FacetsOutput(serializers.Serializer[Any]):
    categories = CategoryFacetOutput(many=True)
    price_ranges = PriceFacetOutput(many=True)
    conditions = ConditionFacetOutput(many=True)


class SearchOutput(CardPageOutput):
    facets = FacetsOutput()
    corrected_query = serializers.CharField(
        allow_null=True, help_text="The corrected text that was searched for, if nothing matched as typed"
    )


class SuggestionsOutput(serializers.Serializer[Any]):
    items = serializers.ListField(child=serializers.CharField())


class CategoryOutput(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField(help_text="In the language of the answer")
    name_ar = serializers.CharField()
    icon = serializers.CharField()
    color = serializers.CharField()
    secondary_color = serializers.CharField()
    total_products = serializers.IntegerField()
    live_streams_count = serializers.IntegerField()
    active_listings_count = serializers.IntegerField()
