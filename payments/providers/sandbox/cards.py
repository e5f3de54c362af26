"""The test cards of the sandbox."""

from dataclasses import dataclass
from datetime import date

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

EXPIRES_ON = date(2034, 12, 31)


@dataclass(frozen=True)
class SandboxCard:
    """A card that a payer chooses; nobody enters a number."""

    name: str
    brand: str
    last4: str
    title: Promise
    text: Promise
    failure_code: str = ""
    """Why it is declined; empty for a card that pays."""


SUCCESS = SandboxCard(
    "success", "visa", "4242", _("Card that pays"), _("The payment succeeds at once."), failure_code=""
)
CHALLENGE = SandboxCard(
    "challenge", "visa", "3220", _("Card whose bank asks"), _("Your bank asks you to confirm first.")
)
DECLINED = SandboxCard(
    "declined", "visa", "0002", _("Card that is declined"), _("The bank refuses it."), "card_declined"
)
INSUFFICIENT_FUNDS = SandboxCard(
    "insufficient_funds",
    "mastercard",
    "9995",
    _("Card without enough money"),
    _("The bank says that the money does not suffice."),
    "insufficient_funds",
)
CHARGED_BACK = SandboxCard(
    "charged_back",
    "visa",
    "0259",
    _("Card that is charged back"),
    _("It pays, and soon afterwards its owner's bank takes the money back."),
)
DECLINED_LATER = SandboxCard(
    "declined_later",
    "visa",
    "0341",
    _("Card that is declined later"),
    _("It can be saved, but each bill is refused."),
    "card_declined",
)

PAYMENT_CARDS = {card.name: card for card in (SUCCESS, CHALLENGE, DECLINED, INSUFFICIENT_FUNDS, CHARGED_BACK)}
CARDS_TO_SAVE = {card.name: card for card in (SUCCESS, DECLINED_LATER)}
