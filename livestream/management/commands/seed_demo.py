"""Put demo people, products, conversations and streams into an empty database."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from accounts.demo import ADMIN, BUYER, SELLER, seed_people
from chat.demo import seed_conversations
from listings.demo import seed_products
from livestream.demo import seed_streams
from offers.demo import seed_offers

_LOGINS = ((SELLER, "sells, goes live"), (BUYER, "buys, watches"), (ADMIN, "staff: /admin"))


class Command(BaseCommand):
    help = "Puts in the demo data that isn't there yet, and prints the demo logins."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        people = seed_people()
        products = seed_products(people)
        seed_conversations(people, products)
        seed_offers(people, products)
        seed_streams()
        for person, does in _LOGINS:
            self.stdout.write(f"{person.email:<26}{person.password:<14}{does}")
