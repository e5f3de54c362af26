"""The table of reviews."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from orders.models.orders import Order


class Review(models.Model):
    """What one side of a completed order thinks of the other; shown once both wrote, or after some days."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="reviews", db_index=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="reviews_written")
    subject = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="reviews_received", db_index=False
    )
    rating = models.PositiveSmallIntegerField(help_text="1 to 5")
    text = models.CharField(max_length=1000, blank=True)
    publishes_at = models.DateTimeField(help_text="When it is shown if the other side does not write")
    published_at = models.DateTimeField(null=True)
    hidden_at = models.DateTimeField(null=True, help_text="By staff")
    is_counted = models.BooleanField(
        default=False, db_default=False, help_text="Whether the subject's average and number contain it"
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["order", "author"], name="review_once_per_order_and_author"),
            models.CheckConstraint(
                condition=Q(rating__gte=1, rating__lte=5), name="review_rating_from_1_to_5"
            ),
            models.CheckConstraint(condition=~Q(author=F("subject")), name="review_of_another_person"),
            models.CheckConstraint(
                condition=Q(is_counted=False) | Q(published_at__isnull=False, hidden_at=None),
                name="review_counted_is_shown",
            ),
        )
        indexes = (
            models.Index(fields=["subject", "-published_at"], name="review_by_subject"),
            models.Index(
                fields=["publishes_at"], condition=Q(published_at=None), name="review_by_publication"
            ),
        )

    def __str__(self) -> str:
        return f"{self.rating} by {self.author_id}"
