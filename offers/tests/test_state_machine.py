"""Random sequences of actions of buyers, sellers and staff, with the invariants checked after each action."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from accounts.blocks import is_blocked_between
from accounts.models import User
from accounts.services.relations import block_user, unblock_user
from accounts.tests.factories import make_seller, make_staff, make_user
from listings.models import Product
from listings.services import delete_product, hide_product, restore_product, update_product
from listings.tests.factories import make_product
from offers.models import Offer, Transaction
from offers.services import closing, negotiation, sales
from offers.states import TRANSITIONS
from offers.tests.conftest import all_rows
from offers.tests.consistency import assert_offers_consistent
from soukloop.core.errors import DomainError
from soukloop.tests.examples import examples

NOON = datetime(2025, 10, 18, 12, tzinfo=UTC)
PRICES = st.sampled_from([Decimal(price) for price in ("0.01", "99.99", "333.33", "500", "850", "851")])
INDEX = st.integers(0, 50)
ALLOWED = {(transition.source, transition.target) for transition in TRANSITIONS.values()}


class Market(RuleBasedStateMachine):
    """Two sellers with two products each, three buyers, one staff member, and a clock."""

    @initialize()
    def create_people_and_products(self) -> None:
        self.rollback = transaction.atomic()
        self.rollback.__enter__()
        self.now = NOON
        self.sellers = [make_seller() for _ in range(2)]
        self.buyers = [make_user() for _ in range(3)]
        self.people: list[User] = [*self.sellers, *self.buyers]
        self.staff = make_staff()
        self.products = [make_product(seller=seller) for seller in self.sellers for _ in range(2)]
        self.statuses: dict[Any, str] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.rollback.__exit__(None, None, None)

    def attempt(self, service: Callable[..., Any], **arguments: Any) -> Any:
        """Call a service at the market's time; a refusal must change nothing."""
        before = all_rows()
        with time_machine.travel(self.now, tick=False):
            try:
                return service(**arguments)
            except DomainError as error:
                refusal = error
        assert refusal.status in (400, 403, 404, 409)
        assert all_rows() == before
        return None

    def any_offer(self, number: int) -> Offer | None:
        offers = list(Offer.objects.order_by("created_at", "id"))
        return offers[-1 - number % len(offers)] if offers else None

    @rule(who=INDEX, what=INDEX, price=PRICES)
    def offer(self, who: int, what: int, price: Decimal) -> None:
        self.attempt(
            negotiation.create_offer,
            actor=self.people[who % 5],
            product_id=self.products[what % 4].pk,
            offered_price=price,
        )

    @rule(who=INDEX, which=INDEX, as_recipient=st.booleans())
    def accept(self, who: int, which: int, as_recipient: bool) -> None:
        offer = self.any_offer(which)
        if offer is None:
            return
        actor = offer.recipient if as_recipient else self.people[who % 5]
        blocked = is_blocked_between(offer.buyer_id, offer.seller_id)
        sale = self.attempt(negotiation.accept_offer, actor=actor, offer_id=offer.pk)
        if sale is not None:
            assert actor == offer.recipient
            assert not blocked
            assert self.now < offer.expires_at
            assert sale.price == offer.offered_price <= Product.objects.get(pk=offer.product_id).price

    @rule(who=INDEX, which=INDEX, as_side=st.sampled_from(["maker", "recipient", "anyone"]))
    def decline_or_withdraw(self, who: int, which: int, as_side: str) -> None:
        offer = self.any_offer(which)
        if offer is None:
            return
        sides = {"maker": offer.made_by, "recipient": offer.recipient, "anyone": self.people[who % 5]}
        act = negotiation.withdraw_offer if which % 2 else negotiation.decline_offer
        self.attempt(act, actor=sides[as_side], offer_id=offer.pk)

    @rule(which=INDEX, price=PRICES)
    def counter(self, which: int, price: Decimal) -> None:
        offer = self.any_offer(which)
        if offer is not None:
            self.attempt(
                negotiation.counter_offer, actor=offer.recipient, offer_id=offer.pk, offered_price=price
            )

    @rule(who=INDEX, which=INDEX)
    def cancel(self, who: int, which: int) -> None:
        sales_ = list(Transaction.objects.order_by("created_at", "id"))
        if sales_:
            sale = sales_[-1 - which % len(sales_)]
            actor = (sale.buyer, sale.seller, self.people[who % 5])[who % 3]
            self.attempt(sales.cancel_transaction, actor=actor, transaction_id=sale.pk)

    @rule(
        what=INDEX,
        price=PRICES,
        accepts_offers=st.booleans(),
        min_price=st.sampled_from([None, Decimal("99.99")]),
    )
    def edit(self, what: int, price: Decimal, accepts_offers: bool, min_price: Decimal | None) -> None:
        product = self.products[what % 4]
        changes = {"price": price, "accepts_offers": accepts_offers, "min_offer_price": min_price}
        self.attempt(update_product, actor=product.seller, product_id=product.pk, changes=changes)

    @rule(which=INDEX)
    def undercut(self, which: int) -> None:
        """Lower a product's price below the price of an offer."""
        offer = self.any_offer(which)
        if offer is not None and offer.offered_price > 1:
            changes = {"price": offer.offered_price - 1, "min_offer_price": None}
            self.attempt(update_product, actor=offer.seller, product_id=offer.product_id, changes=changes)

    @rule(what=INDEX, how=st.sampled_from(["hide", "restore", "restore", "delete"]))
    def moderate(self, what: int, how: str) -> None:
        product = self.products[what % 4]
        if how == "delete" and what % 4 == 3:
            self.attempt(delete_product, actor=product.seller, product_id=product.pk)
        elif how == "hide":
            self.attempt(hide_product, actor=self.staff, product_id=product.pk, reason="Odd")
        else:
            self.attempt(restore_product, actor=self.staff, product_id=product.pk, reason="Not so odd")

    @rule(who=INDEX, whom=INDEX, is_block=st.booleans(), job_runs=st.booleans())
    def block(self, who: int, whom: int, is_block: bool, job_runs: bool) -> None:
        blocker, blocked = self.people[who % 5], self.people[whom % 5]
        act = block_user if is_block else unblock_user
        self.attempt(act, actor=blocker, user_id=blocked.pk)
        if is_block and job_runs and blocker != blocked:
            self.attempt(closing.close_offers_for_people, user_id=blocker.pk, other_id=blocked.pk)
            between = Offer.objects.filter(buyer__in=[blocker, blocked], seller__in=[blocker, blocked])
            assert not between.filter(status="pending").exists()

    @rule(hours=st.integers(1, 13), job_runs=st.booleans())
    def wait(self, hours: int, job_runs: bool) -> None:
        self.now += timedelta(hours=hours)
        if job_runs:
            self.attempt(closing.expire_due_offers)
            self.attempt(closing.remind_of_expiring_offers)
            assert not Offer.objects.due_at(self.now).exists()

    @invariant()
    def offers_are_consistent(self) -> None:
        if not hasattr(self, "products"):
            return
        assert_offers_consistent(*self.products)

    @invariant()
    def statuses_change_only_by_transitions(self) -> None:
        if not hasattr(self, "statuses"):
            return
        statuses = dict(Offer.objects.values_list("pk", "status"))
        assert set(self.statuses) <= set(statuses)
        for pk, status in statuses.items():
            before = self.statuses.get(pk, "pending")
            assert before == status or (before, status) in ALLOWED
        self.statuses = statuses


@pytest.fixture
def no_events_published(captured_events: Any) -> Iterator[None]:
    """Assert that nothing is published: no example commits."""
    yield
    assert captured_events == []


@pytest.mark.django_db
@pytest.mark.usefixtures("no_events_published")
def test_any_sequence_of_actions_keeps_the_invariants() -> None:
    run_state_machine_as_test(
        Market,
        settings=settings(
            max_examples=examples(15),
            stateful_step_count=20,
            phases=[Phase.explicit, Phase.generate],  # no shrinking: it takes minutes
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
