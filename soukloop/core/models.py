"""Tables that belong to no app."""

from django.db import models


class IdempotencyRecord(models.Model):
    """The first response to a request with an Idempotency-Key, stored in the transaction of its effect."""

    owner = models.CharField(max_length=100)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(default="")  # as rendered, so that a replay is the same byte for byte
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["owner", "key"], name="idempotency_once_per_owner"),)
