"""Parallel requests in real transactions: one conversation, no gaps, no duplicates, correct counts."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from accounts.tests.factories import make_seller, make_user
from chat import services
from chat.models import Conversation, Message
from chat.tests.factories import make_conversation
from chat.tests.ledger import assert_counts_are_right
from listings.tests.factories import make_product
from notifications.models import Notification
from soukloop.tests.examples import examples

THREADS = 12


def at_once(*jobs: Callable[[], Any]) -> list[Any]:
    """Run the jobs on THREADS threads that start together; return what they return."""
    start = Barrier(min(THREADS, len(jobs)))

    def run(lane: list[Callable[[], Any]]) -> list[Any]:
        start.wait(10)
        try:
            return [job() for job in lane]
        finally:
            connections.close_all()

    lanes = [list(jobs[n::THREADS]) for n in range(min(THREADS, len(jobs)))]
    with ThreadPoolExecutor(len(lanes)) as pool:
        return [result for results in pool.map(run, lanes) for result in results]


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_parallel_requests_open_one_conversation(self) -> None:
        for product_of_seller in (True, False):
            buyer, seller = make_user(), make_seller()
            product_id = make_product(seller=seller).pk if product_of_seller else None

            def open_from(
                actor: Any, other: Any, product_id: Any = product_id
            ) -> Callable[[], tuple[Conversation, bool]]:
                return lambda: services.open_conversation(
                    actor=actor, other_user_id=other.pk, product_id=product_id, initial_message="Hi"
                )

            opened = at_once(*[open_from(buyer, seller), open_from(seller, buyer)] * 12)
            assert len({conversation.pk for conversation, _ in opened}) == 1
            assert [is_new for _, is_new in opened].count(True) == 1
            conversation = Conversation.objects.get(pk=opened[0][0].pk)
            assert conversation.messages.count() == 2  # what each of the two said, however often it was sent
            assert (conversation.unread_count_buyer, conversation.unread_count_seller) == (1, 1)

    def test_a_hundred_parallel_senders_leave_no_gap_and_no_duplicate(self) -> None:
        conversation = make_conversation()
        sides = (conversation.buyer, conversation.seller)

        def send(n: int) -> Callable[[], Message]:
            return lambda: services.send_message(
                actor=sides[n % 2],
                conversation_id=conversation.pk,
                content=f"Message {n}",
                client_message_id=f"m-{n // 4 * 2}",  # each is sent twice
            )

        sent = at_once(*[send(n) for n in range(100)])
        conversation.refresh_from_db()
        seqs = list(conversation.messages.order_by("seq").values_list("seq", flat=True))
        assert seqs == list(range(1, 51))
        assert conversation.last_seq == 50
        assert len({message.pk for message in sent}) == 50
        assert (conversation.unread_count_buyer, conversation.unread_count_seller) == (25, 25)
        assert Notification.objects.count() == 2  # one for each side, however many messages

    def test_unread_counts_are_right_after_any_mix_of_sends_and_reads(self) -> None:
        dice = random.Random(7)
        for _ in range(3):
            conversation = make_conversation()
            sides = (conversation.buyer, conversation.seller)

            def send(n: int, conversation: Any = conversation, sides: Any = sides) -> Callable[[], Any]:
                return lambda: services.send_message(
                    actor=sides[n], conversation_id=conversation.pk, content="Hi"
                )

            def read(n: int, conversation: Any = conversation, sides: Any = sides) -> Callable[[], Any]:
                return lambda: services.mark_read(
                    actor=sides[n],
                    conversation_id=conversation.pk,
                    up_to_seq=dice.choice([None, 3, 10, 20]),
                )

            at_once(*[dice.choice([send, send, read])(dice.randrange(2)) for _ in range(40)])
            assert_counts_are_right(conversation)


class ConversationMachine(RuleBasedStateMachine):
    """Any order of sends, reads and archiving, against the plainest possible model of it."""

    def __init__(self) -> None:
        super().__init__()
        self.conversation = make_conversation()
        self.sides = (self.conversation.buyer, self.conversation.seller)
        self.said: list[int] = []
        self.read_up_to = [0, 0]
        self.is_archived = [False, False]

    @rule(side=st.integers(0, 1), again=st.booleans())
    def send(self, side: int, again: bool) -> None:
        for _ in range(2 if again else 1):
            services.send_message(
                actor=self.sides[side],
                conversation_id=self.conversation.pk,
                content="Hi",
                client_message_id=str(len(self.said) if again else f"once-{len(self.said)}"),
            )
        self.said.append(side)
        self.is_archived = [False, False]

    @rule(side=st.integers(0, 1), up_to=st.none() | st.integers(0, 30))
    def read(self, side: int, up_to: int | None) -> None:
        services.mark_read(actor=self.sides[side], conversation_id=self.conversation.pk, up_to_seq=up_to)
        end = len(self.said) if up_to is None else min(up_to, len(self.said))
        self.read_up_to[side] = max(self.read_up_to[side], end)

    @rule(side=st.integers(0, 1), archived=st.booleans())
    def archive(self, side: int, archived: bool) -> None:
        services.set_archived(actor=self.sides[side], conversation_id=self.conversation.pk, archived=archived)
        self.is_archived[side] = archived

    @invariant()
    def holds(self) -> None:
        row = self.conversation
        row.refresh_from_db()
        assert row.last_seq == len(self.said)
        assert [row.buyer_archived, row.seller_archived] == self.is_archived
        assert [row.buyer_read_seq, row.seller_read_seq] == self.read_up_to
        assert [row.unread_count_buyer, row.unread_count_seller] == [
            sum(1 for speaker in self.said[self.read_up_to[side] :] if speaker != side) for side in (0, 1)
        ]


class TestAnyOrder(HypothesisTestCase):
    def test_counts_follow_from_the_messages_sent_and_read(self) -> None:
        run_state_machine_as_test(
            ConversationMachine,
            settings=settings(
                max_examples=examples(8),
                stateful_step_count=15,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
