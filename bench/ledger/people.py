"""Sellers with accounts at the provider in memory, and buyers."""

from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import make_seller, make_user
from payments.models import SavedCard, SellerAccount


def make_people(number: int, sellers: int, buyers: int) -> tuple[list[User], list[User]]:
    """Make the people of a process; every other seller has a saved card for the bills of fees."""
    made = [
        make_seller(email=f"seller{number}x{one}@example.com", username=f"seller{number}x{one}")
        for one in range(sellers)
    ]
    now = timezone.now()
    SellerAccount.objects.bulk_create(
        SellerAccount(
            seller=seller,
            provider="memory",
            external_id=f"{number}_ac_{place}",
            charges_enabled=True,
            payouts_enabled=True,
            created_at=now,
        )
        for place, seller in enumerate(made)
    )
    SavedCard.objects.bulk_create(
        SavedCard(
            user=seller,
            provider="memory",
            external_customer_id=f"{number}_cus_{place}",
            external_id=f"{number}_card_{place}",
            created_at=now,
            saved_at=now,
        )
        for place, seller in enumerate(made)
        if place % 2
    )
    return made, [
        make_user(email=f"buyer{number}x{one}@example.com", username=f"buyer{number}x{one}")
        for one in range(buyers)
    ]
