"""The sums of people's ratings, which the app of reviews writes."""

from uuid import UUID

from django.db.models import F

from accounts.models import User


def add_ratings(*, user_id: UUID, total: int, count: int) -> None:
    """Add ratings that are shown from now on to a person's sum, or take away some with negative numbers.

    Called in the transaction that shows or hides the reviews, so that both always agree.
    """
    User.objects.filter(pk=user_id).update(
        rating_sum=F("rating_sum") + total, rating_count=F("rating_count") + count
    )
