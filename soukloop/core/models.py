"""Tables that belong to no app."""

from django.db import models


class IdempotencyRecord(models.Model):
    """The first response to a request with an Idempotency-Key, stored in the transaction of its effect.

    There are millions of a day, so the columns are digests, in the order that leaves no gaps between them.
    """

    id = models.UUIDField(primary_key=True)  # a digest of the owner and the key
    fingerprint = models.UUIDField()  # a keyed digest of the request
    created_at = models.DateTimeField(auto_now_add=True)
    status = models.SmallIntegerField()
    # As rendered, so that a replay is the same byte for byte; see stored_bodies.py.
    body = models.BinaryField()

    class Meta:
        indexes = (models.Index(fields=["created_at"], name="idempotency_created_at"),)
