"""Stripe's test cards, and what happens to each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TestCard:
    number: str
    challenge: bool = False
    """Its owner must confirm with the bank each time."""
    decline_code: str = ""
    is_charged_back: bool = False
    """The bank takes the money back as soon as it is captured."""
    refund: str = "succeeded"
    """`pending` until the bank has worked on it."""

    __test__ = False  # not a test class, whatever its name


CARDS = {
    "pm_card_visa": TestCard("4242424242424242"),
    "pm_card_authenticationRequired": TestCard("4000002500003155", challenge=True),
    "pm_card_chargeDeclined": TestCard("4000000000000002", decline_code="generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": TestCard(
        "4000000000009995", decline_code="insufficient_funds"
    ),
    "pm_card_createDispute": TestCard("4000000000000259", is_charged_back=True),
    "pm_card_pendingRefund": TestCard("4000000000007726", refund="pending"),
    "pm_card_refundFail": TestCard("4000000000005126"),
}
BY_NUMBER = {card.number: card for card in CARDS.values()}
