"""Conversations between a buyer and a seller, and their messages."""

import uuid
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.files.storage import default_storage
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Greatest, Least, Upper


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def of(self, user_id: uuid.UUID) -> "ConversationQuerySet":
        """Return the conversations that this user takes part in."""
        return self.filter(Q(buyer_id=user_id) | Q(seller_id=user_id))

    def not_archived_by(self, user_id: uuid.UUID) -> "ConversationQuerySet":
        return self.exclude(_archived(user_id))

    def without(self, user_ids: set[uuid.UUID]) -> "ConversationQuerySet":
        """Exclude conversations with any of these people."""
        if not user_ids:
            return self
        return self.exclude(buyer_id__in=user_ids).exclude(seller_id__in=user_ids)


def _archived(user_id: uuid.UUID) -> Q:
    return Q(buyer_id=user_id, buyer_archived=True) | Q(seller_id=user_id, seller_archived=True)


class Conversation(models.Model):
    """A conversation of a buyer and a seller about one product, or about none.

    The counters are in this row because a message locks it anyway: `last_seq` numbers the messages without
    gaps, and each side has an unread count.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    buyer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="conversations_as_buyer")
    seller = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="conversations_as_seller"
    )
    product = models.ForeignKey(
        "listings.Product", models.PROTECT, related_name="conversations", null=True, blank=True
    )
    last_seq = models.PositiveBigIntegerField(default=0)
    # No index on this column and on last_message_at: every message would update it, and no query filters by
    # them.
    last_message = models.ForeignKey(
        "Message", models.SET_NULL, related_name="+", null=True, blank=True, db_index=False
    )
    last_message_at = models.DateTimeField(null=True, blank=True)
    buyer_read_seq = models.PositiveBigIntegerField(default=0)
    seller_read_seq = models.PositiveBigIntegerField(default=0)
    unread_count_buyer = models.PositiveIntegerField(default=0)
    unread_count_seller = models.PositiveIntegerField(default=0)
    buyer_archived = models.BooleanField(default=False)
    seller_archived = models.BooleanField(default=False)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        db_index=False,
        help_text="Whose limit of strangers a day it counts against",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["buyer", "seller", "product"], name="conversation_once"),
            # Without a product, the person who opens the conversation is stored as the buyer. Two people have
            # one such conversation, whichever of them opened it.
            models.UniqueConstraint(
                Least("buyer", "seller"),
                Greatest("buyer", "seller"),
                condition=Q(product=None),
                name="conversation_once_without_product",
            ),
            models.CheckConstraint(condition=~Q(buyer=F("seller")), name="conversation_of_two"),
            models.CheckConstraint(
                condition=Q(buyer_read_seq__lte=F("last_seq"), seller_read_seq__lte=F("last_seq")),
                name="conversation_read_what_was_said",
            ),
        )
        indexes = (
            models.Index(fields=["-created_at"], name="conversation_latest"),
            models.Index(fields=["opened_by", "-created_at"], name="conversation_opened"),
        )

    def __str__(self) -> str:
        return f"Conversation {self.pk}"

    def is_buyer(self, user_id: uuid.UUID) -> bool:
        return self.buyer_id == user_id

    def other_id(self, user_id: uuid.UUID) -> uuid.UUID:
        return self.seller_id if self.is_buyer(user_id) else self.buyer_id

    def unread_count_of(self, user_id: uuid.UUID) -> int:
        return self.unread_count_buyer if self.is_buyer(user_id) else self.unread_count_seller

    def read_seq_of(self, user_id: uuid.UUID) -> int:
        return self.buyer_read_seq if self.is_buyer(user_id) else self.seller_read_seq

    def is_archived_by(self, user_id: uuid.UUID) -> bool:
        return self.buyer_archived if self.is_buyer(user_id) else self.seller_archived


CHANGED_AT = Greatest("edited_at", "deleted_at")
"""When a message was last edited or deleted by its sender; null if never."""


class Message(models.Model):
    """A message, numbered without gaps in its conversation.

    Its sender may edit or delete it for a while, and staff may hide it; the row and its number remain.
    """

    class Type(models.TextChoices):
        TEXT = "text"
        IMAGE = "image"
        OFFER = "offer"
        SYSTEM = "system"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(
        Conversation, models.PROTECT, related_name="messages", db_index=False
    )  # the index of (conversation, seq) covers it
    seq = models.PositiveBigIntegerField()
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="messages_sent",
        null=True,
        blank=True,
        help_text="Empty for messages of the platform",
    )
    message_type = models.CharField(max_length=10, choices=Type, default=Type.TEXT)
    content = models.TextField(blank=True, help_text="Text, or the URL of an image")
    data = models.JSONField(default=dict, blank=True, help_text="An offer, or an uploaded image")
    client_message_id = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 - unique
    hidden_at = models.DateTimeField(null=True, blank=True)
    hidden_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, blank=True, db_index=False
    )
    hidden_reason = models.CharField(max_length=500, blank=True)
    edited_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, help_text="By its sender; staff still see it")
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["conversation", "seq"], name="message_seq_once"),
            models.UniqueConstraint(
                fields=["conversation", "sender", "client_message_id"],
                condition=Q(client_message_id__isnull=False),
                name="message_client_id_once",
            ),
            models.CheckConstraint(
                condition=Q(hidden_at=None) | ~Q(hidden_reason=""), name="message_hidden_with_reason"
            ),
            # Offers and messages of the platform are changed by nobody.
            models.CheckConstraint(
                condition=Q(edited_at=None) | Q(message_type="text"), name="message_edited_is_text"
            ),
            models.CheckConstraint(
                condition=Q(deleted_at=None) | Q(message_type__in=["text", "image"]),
                name="message_deleted_is_persons",
            ),
        )
        indexes = (
            # For the admin: latest first, and search by words.
            models.Index(fields=["-created_at"], name="message_latest"),
            GinIndex(OpClass(Upper("content"), name="gin_trgm_ops"), name="message_content_trigrams"),
            # For clients that were offline: few messages are ever changed.
            models.Index(
                "conversation",
                CHANGED_AT,
                name="message_changed",
                condition=Q(edited_at__isnull=False) | Q(deleted_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"Message {self.pk}"

    @property
    def shown_content(self) -> str | None:
        """The text or the image's URL; None once its sender deleted the message, empty once staff hid it."""
        if self.deleted_at is not None:
            return None
        if self.hidden_at is not None:
            return ""
        if "upload" in self.data:
            return default_storage.url(self.data["upload"])
        return self.content

    @property
    def shown_picture(self) -> str:
        """The name of the uploaded image; empty for other messages, and once it was hidden or deleted."""
        is_shown = self.hidden_at is None and self.deleted_at is None
        return self.data.get("upload", "") if is_shown else ""

    @property
    def shown_data(self) -> dict[str, Any]:
        if self.hidden_at is not None or self.deleted_at is not None:
            return {}
        shown = {key: value for key, value in self.data.items() if key != "upload"}
        # Kept, and shown to the apps of the first release, as text; all other money is a number.
        price = shown.get("offered_price") or shown.get("amount")
        return shown | {"price": Decimal(price)} if price else shown


class MessageEdit(models.Model):
    """What a message said before it was edited; only staff see it."""

    message = models.ForeignKey(Message, models.PROTECT, related_name="edits")
    content = models.TextField()
    replaced_at = models.DateTimeField()
