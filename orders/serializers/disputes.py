"""Inputs and outputs of disputes."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from rest_framework import serializers

from accounts.models import User
from accounts.serializers.people import OtherUserOutput, other_user_body
from listings.serializers.products import ProductCardOutput, product_card
from orders.models import Dispute, DisputeEvidence
from soukloop.core.http.fields import PlainTextField
from soukloop.core.http.pagination import PageOutput
from soukloop.core.images import PictureOutput, picture_at

_SIDES = ("buyer", "seller")


class EvidenceInput(serializers.Serializer[None]):
    """What one side says and shows; at least one of the two."""

    text = PlainTextField(has_lines=True, max_length=2000, required=False, allow_blank=True, default="")
    image_urls = serializers.ListField(
        child=serializers.CharField(max_length=2000),
        max_length=settings.DISPUTE_IMAGES_MAX,
        required=False,
        default=list,
        help_text="Of pictures that you uploaded",
    )


class DisputeInput(EvidenceInput):
    reason = serializers.ChoiceField(choices=Dispute.Reason.choices)
    text = PlainTextField(has_lines=True, max_length=2000, help_text="What is wrong")


class DisputesQuery(serializers.Serializer[None]):
    state = serializers.ChoiceField(choices=Dispute.State.choices, required=False, default=None)


class DisputeEvidenceOutput(serializers.Serializer[None]):
    """What one side says and shows; only the two sides and staff see it."""

    id = serializers.UUIDField()
    side = serializers.ChoiceField(choices=_SIDES)
    text = serializers.CharField()
    images = PictureOutput(many=True)
    created_at = serializers.DateTimeField()


class StreamEvidenceOutput(serializers.Serializer[None]):
    """A recorded video of a live stream that shows the product."""

    stream_id = serializers.UUIDField()
    clip_id = serializers.UUIDField(allow_null=True, help_text="Null for the whole replay")
    title = serializers.CharField()
    start_seconds = serializers.FloatField(
        help_text="Where the product is shown, in the replay; of a clip, where it begins"
    )
    mp4_url = serializers.URLField()
    poster_url = serializers.URLField(allow_null=True)


class DisputeOutput(serializers.Serializer[None]):
    """A buyer's claim about an order, as its two sides see it."""

    id = serializers.UUIDField()
    order_id = serializers.UUIDField()
    conversation_id = serializers.UUIDField()
    side = serializers.ChoiceField(choices=_SIDES, help_text="Which of the two you are")
    reason = serializers.ChoiceField(choices=Dispute.Reason.choices)
    state = serializers.ChoiceField(choices=Dispute.State.choices)
    decision = serializers.ChoiceField(choices=Dispute.Decision.choices, allow_null=True)
    refund_amount = serializers.FloatField(
        allow_null=True, help_text="What the buyer gets back; of a sale paid in person, from the seller"
    )
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    explanation = serializers.CharField(help_text="By our staff; empty before they have decided")
    created_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    product = ProductCardOutput()
    other_user = OtherUserOutput()


class DisputePageOutput(PageOutput):
    items = DisputeOutput(many=True)


class DisputeDetailOutput(DisputeOutput):
    """A dispute with what both sides say and show."""

    evidence = DisputeEvidenceOutput(many=True)
    stream_videos = StreamEvidenceOutput(many=True)


def dispute_body(dispute: Dispute, viewer: User) -> dict[str, Any]:
    """Return a DisputeOutput for one of its two sides; its order must be loaded with its relations."""
    order = dispute.order
    is_buyer = viewer.pk == order.buyer_id
    return {
        "id": dispute.pk,
        "order_id": order.pk,
        "conversation_id": order.transaction.offer.conversation_id,
        "side": "buyer" if is_buyer else "seller",
        "reason": dispute.reason,
        "state": dispute.state,
        "decision": dispute.decision or None,
        "refund_amount": dispute.refund_amount,
        "currency": order.transaction.currency,
        "explanation": dispute.explanation,
        "created_at": dispute.created_at,
        "closed_at": dispute.closed_at,
        "product": product_card(order.product),
        "other_user": other_user_body(order.seller if is_buyer else order.buyer),
    }


def dispute_detail_body(
    dispute: Dispute,
    viewer: User,
    *,
    evidence: Iterable[DisputeEvidence],
    stream_videos: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return a DisputeDetailOutput for one of its two sides."""
    return dispute_body(dispute, viewer) | {
        "evidence": [evidence_body(one, dispute) for one in evidence],
        "stream_videos": list(stream_videos),
    }


def evidence_body(evidence: DisputeEvidence, dispute: Dispute) -> dict[str, Any]:
    """Return a DisputeEvidenceOutput."""
    return {
        "id": evidence.pk,
        "side": "buyer" if evidence.author_id == dispute.order.buyer_id else "seller",
        "text": evidence.text,
        "images": [picture_at(address) for address in evidence.image_urls],
        "created_at": evidence.created_at,
    }
