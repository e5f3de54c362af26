"""Sellers who are onboarded at the sandbox, what they sell, and buyers."""

from decimal import Decimal

from django.utils import timezone

from accounts.tests.factories import make_seller, make_user
from accounts.tokens import access_token_for
from listings.tests.factories import make_product
from payments.models import SellerAccount
from payments.providers.sandbox.accounts import complete_account, create_account


def make_market(products: int, sellers: int, buyers: int) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the id of each product with its seller's token, and the buyers' tokens."""
    people = []
    for number in range(sellers):
        seller = make_seller(email=f"shop{number}@example.com", username=f"shop{number}")
        at_sandbox = create_account(
            reference=str(seller.pk), email=seller.email or "", country="AE", key=f"market:{number}"
        )
        complete_account(at_sandbox.pk)
        SellerAccount.objects.create(
            seller=seller,
            provider="sandbox",
            external_id=at_sandbox.pk,
            charges_enabled=True,
            payouts_enabled=True,
            created_at=timezone.now(),
        )
        people.append((seller, access_token_for(seller)))
    made = []
    for number in range(products):
        seller, token = people[number % sellers]
        product = make_product(seller=seller, price=Decimal(100 + number * 7919 % 900_000) / 100)
        made.append((str(product.pk), token))
    tokens = [
        access_token_for(make_user(email=f"shopper{number}@example.com", username=f"shopper{number}"))
        for number in range(buyers)
    ]
    return made, tokens
