"""Register the address of our webhooks at Stripe."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.providers.base import ProviderError
from payments.providers.stripe.endpoints import Change, register_endpoints, unused_secrets

PATH = "/api/v1/payments/webhooks/stripe"


class Command(BaseCommand):
    """May be run as often as one likes: it leaves one endpoint for each kind of event."""

    help = "Register the address of our webhooks at Stripe, and replace endpoints whose secret is lost."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default=f"{settings.BASE_URL}{PATH}", help="by default BASE_URL's")

    def handle(self, *args: Any, url: str, **options: Any) -> None:
        is_real = urlsplit(settings.STRIPE_API_BASE).scheme == "https"
        if is_real and urlsplit(url).scheme != "https":
            raise CommandError(f"Stripe sends webhooks to public https addresses only, not to {url}.")
        made: list[Change] = []
        try:
            for change in register_endpoints(url):
                self.stdout.write(change.text)
                if change.secret:
                    made.append(change)
            unused = unused_secrets(url)
        except ProviderError as error:
            # What was made before the failure has a secret that is shown only now.
            self._show_secrets(made)
            raise CommandError(f"Stripe: {error}") from None
        self._show_secrets(made)
        for secret in unused:
            self.stdout.write(
                f"The secret in STRIPE_WEBHOOK_SECRETS that ends in {secret[-4:]} belongs to no endpoint of"
                " this address: remove it."
            )

    def _show_secrets(self, made: list[Change]) -> None:
        if not made:
            return
        self.stdout.write(
            "\nAdd to STRIPE_WEBHOOK_SECRETS (separated by commas), then restart the web processes. Until"
            " then Stripe's messages are refused, and Stripe sends them again for three days. Shown only now:"
        )
        for change in made:
            self.stdout.write(change.secret)
