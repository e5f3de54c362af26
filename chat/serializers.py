"""Inputs and outputs of conversations and messages."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from accounts.serializers.people import OtherUserOutput, other_user_body
from chat.models import Conversation, Message
from chat.system_texts import system_texts, translated_content
from listings.serializers.products import ProductCardOutput, product_card
from soukloop.core.http.fields import IdField, PlainTextField
from soukloop.core.http.pagination import CursorField, PageOutput
from soukloop.core.images import ImageUploadInput, PictureOutput, picture
from soukloop.realtime.presence import NEVER_SEEN, Seen

_validate_url = URLValidator(schemes=["http", "https"], message=_("Enter the http or https URL of an image."))
IMAGE_URL_MAX_LENGTH = 2000
SENT_TYPES = [Message.Type.TEXT.value, Message.Type.IMAGE.value]


class TextField(PlainTextField):
    """The text of a message; line breaks and surrounding whitespace are kept."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            has_lines=True, max_length=settings.MESSAGE_MAX_LENGTH, trim_whitespace=False, **kwargs
        )


class OpenConversationInput(serializers.Serializer[None]):
    other_user_id = IdField()
    product_id = IdField(required=False, allow_null=True, default=None)
    initial_message = TextField(required=False, allow_blank=True, allow_null=True, default="")

    def validate_initial_message(self, value: str | None) -> str:
        return value or ""


class MessageInput(serializers.Serializer[None]):
    """A message that a person sends: a text, or the URL of a picture that this person uploaded."""

    message_type = serializers.ChoiceField(
        choices=SENT_TYPES,
        default=Message.Type.TEXT,
        error_messages={"invalid_choice": _("Use text or image.")},
    )
    content = TextField()
    client_message_id = serializers.CharField(max_length=64, required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["message_type"] == Message.Type.IMAGE:
            _check_image_url(attrs["content"])
        return attrs


class MessageEditInput(serializers.Serializer[None]):
    content = TextField()


class ReadInput(serializers.Serializer[None]):
    up_to_seq = serializers.IntegerField(
        min_value=0, max_value=2**53, required=False, allow_null=True, default=None
    )


class MessagesQuery(serializers.Serializer[None]):
    before_seq = serializers.IntegerField(min_value=1, max_value=2**53, required=False, default=None)
    after_seq = serializers.IntegerField(min_value=0, max_value=2**53, required=False, default=None)
    changed_after = serializers.DateTimeField(
        required=False,
        default=None,
        help_text="Only messages that were edited or deleted after this time, to catch up with these events",
    )
    limit = serializers.IntegerField(
        min_value=1, max_value=settings.PAGE_SIZE_MAX, required=False, default=50
    )


class ConversationsQuery(serializers.Serializer[None]):
    archived = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Archived ones or the others; by default the others, and with `product_id` both",
    )
    product_id = IdField(required=False, default=None, help_text="Only conversations about this product")
    cursor = CursorField()


class SystemTextField(serializers.ChoiceField):
    """The name of a text of the platform; the apps have declared theirs when a serializer is made."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=system_texts(), **kwargs)


class OfferStatusField(serializers.ChoiceField):
    """The status of an offer, whose app is above this one and loaded after it."""

    def __init__(self, **kwargs: Any) -> None:
        choices: Any = apps.get_model("offers", "Offer")._meta.get_field("status").choices
        super().__init__(choices=choices, **kwargs)


class MessageDataOutput(serializers.Serializer[None]):
    """What a message is about: an offer or a text of the platform. Of a person's own text it is empty.

    It is also empty once the message was deleted or hidden, and has the size of a picture.
    """

    text = SystemTextField(required=False, help_text="Which text `content` is, for an app's own words")
    price = serializers.FloatField(required=False, help_text="Of the offer, in `currency`")
    currency = serializers.ChoiceField(choices=settings.CURRENCIES, required=False)
    amount = serializers.CharField(
        required=False, help_text="`price` as text, beside `text`: `750.00`; use `price`"
    )
    offered_price = serializers.CharField(
        required=False, help_text="`price` as text, of the type `offer`: `750.00`; use `price`"
    )
    offer_id = serializers.UUIDField(required=False)
    order_id = serializers.UUIDField(required=False, help_text="The order that a `system` message is about")
    parent_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="The offer that this one counters"
    )
    status = OfferStatusField(
        required=False, help_text="The offer's, when this message of the type `system` was written"
    )
    width = serializers.IntegerField(required=False, help_text="Of a picture, in pixels, as `image` has it")
    height = serializers.IntegerField(required=False)


class MessageOutput(serializers.Serializer[None]):
    """One message (contract 3.2)."""

    id = serializers.UUIDField()
    conversation_id = serializers.UUIDField()
    seq = serializers.IntegerField(help_text="From 1, without gaps")
    sender_id = serializers.UUIDField(allow_null=True, help_text="Null for messages of the platform")
    message_type = serializers.ChoiceField(choices=Message.Type.choices)
    content = serializers.CharField(
        allow_null=True, help_text="The text, or the URL of the image; null once its sender deleted it"
    )
    image = PictureOutput(allow_null=True, help_text="Of a message of the type `image`")
    data = MessageDataOutput()  # type: ignore[assignment]
    client_message_id = serializers.CharField(allow_null=True)
    is_hidden = serializers.BooleanField(help_text="Hidden by staff: the content is empty")
    edited_at = serializers.DateTimeField(allow_null=True, help_text="When its sender last edited it")
    deleted_at = serializers.DateTimeField(allow_null=True, help_text="When its sender deleted it")
    created_at = serializers.DateTimeField()


@extend_schema_serializer(many=False)
class MessagesOutput(serializers.Serializer[None]):
    items = MessageOutput(many=True)
    has_more = serializers.BooleanField(help_text="Whether there are more messages in the query's direction")
    last_seq = serializers.IntegerField()


class ConversationPartnerOutput(OtherUserOutput):
    is_online = serializers.BooleanField()
    last_seen = serializers.DateTimeField(
        allow_null=True,
        help_text="When they were last connected; null while they are online, and if that is not known",
    )


class ConversationOutput(serializers.Serializer[None]):
    """A conversation, as one of its two people sees it (contract 3.1)."""

    id = serializers.UUIDField()
    buyer_id = serializers.UUIDField()
    seller_id = serializers.UUIDField()
    product_id = serializers.UUIDField(allow_null=True)
    unread_count_buyer = serializers.IntegerField()
    unread_count_seller = serializers.IntegerField()
    unread_count = serializers.IntegerField(help_text="Your own unread count, one of the two above")
    buyer_read_seq = serializers.IntegerField()
    seller_read_seq = serializers.IntegerField()
    last_seq = serializers.IntegerField()
    last_message = MessageOutput(allow_null=True)
    last_message_at = serializers.DateTimeField(allow_null=True)
    is_archived = serializers.BooleanField()
    other_user = ConversationPartnerOutput()
    product = ProductCardOutput(allow_null=True)
    created_at = serializers.DateTimeField()


class ConversationPageOutput(PageOutput):
    items = ConversationOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Send it as `cursor` to get the next page")


class ReadOutput(serializers.Serializer[None]):
    conversation_id = serializers.UUIDField()
    up_to_seq = serializers.IntegerField()
    unread_count = serializers.IntegerField()


class ArchivedOutput(serializers.Serializer[None]):
    conversation_id = serializers.UUIDField()
    is_archived = serializers.BooleanField()


class ImageInput(ImageUploadInput):
    client_message_id = serializers.CharField(max_length=64, required=False, allow_null=True, default=None)


class UnreadCountsOutput(serializers.Serializer[None]):
    unread_count = serializers.IntegerField(help_text="Unread messages")
    conversations = serializers.IntegerField(help_text="Conversations with unread messages")


def conversation_body(
    conversation: Conversation, viewer_id: UUID, seen: Mapping[UUID, Seen]
) -> dict[str, Any]:
    """Return a ConversationOutput for one of its people; `seen` has those whom the viewer may see."""
    other = conversation.seller if conversation.is_buyer(viewer_id) else conversation.buyer
    other_seen = seen.get(other.pk, NEVER_SEEN) if other.is_active else NEVER_SEEN
    return {
        "id": conversation.pk,
        "buyer_id": conversation.buyer_id,
        "seller_id": conversation.seller_id,
        "product_id": conversation.product_id,
        "unread_count_buyer": conversation.unread_count_buyer,
        "unread_count_seller": conversation.unread_count_seller,
        "unread_count": conversation.unread_count_of(viewer_id),
        "buyer_read_seq": conversation.buyer_read_seq,
        "seller_read_seq": conversation.seller_read_seq,
        "last_seq": conversation.last_seq,
        "last_message": message_body(conversation.last_message) if conversation.last_message else None,
        "last_message_at": conversation.last_message_at,
        "is_archived": conversation.is_archived_by(viewer_id),
        "other_user": other_user_body(other)
        | {"is_online": other_seen.is_online, "last_seen": other_seen.last_at},
        "product": product_card(conversation.product) if conversation.product else None,
        "created_at": conversation.created_at,
    }


def message_body(message: Message) -> dict[str, Any]:
    """Return a MessageOutput."""
    return {
        "id": message.pk,
        "conversation_id": message.conversation_id,
        "seq": message.seq,
        "sender_id": message.sender_id,
        "message_type": message.message_type,
        "content": _content_for_reader(message),
        "image": picture(message.shown_picture),
        "data": message.shown_data,
        "client_message_id": message.client_message_id,
        "is_hidden": message.hidden_at is not None,
        "edited_at": message.edited_at,
        "deleted_at": message.deleted_at,
        "created_at": message.created_at,
    }


def _content_for_reader(message: Message) -> str | None:
    """Return the content; of the platform's messages, which are stored in English, its translation."""
    content = message.shown_content
    return translated_content(message.data) or content if content else content


def read_body(conversation: Conversation, viewer_id: UUID) -> dict[str, Any]:
    """Return a ReadOutput."""
    return {
        "conversation_id": conversation.pk,
        "up_to_seq": conversation.read_seq_of(viewer_id),
        "unread_count": conversation.unread_count_of(viewer_id),
    }


def _check_image_url(content: str) -> None:
    if len(content) > IMAGE_URL_MAX_LENGTH:
        message = _("Use at most %(limit)s characters.") % {"limit": IMAGE_URL_MAX_LENGTH}
        raise serializers.ValidationError({"content": [message]})
    try:
        _validate_url(content)
    except DjangoValidationError as error:
        raise serializers.ValidationError({"content": error.messages}) from error
