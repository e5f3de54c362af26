"""The list of movements at Stripe, which the nightly comparison reads."""

from datetime import UTC, datetime, timedelta

import pytest

from payments.tests.stripe_calls import captured


@pytest.fixture
def today():
    now = datetime.now(UTC)
    return now - timedelta(hours=1), now + timedelta(hours=1)


def seen(provider, account, today):
    return [(one.kind, one.amount, one.fee, one.source) for one in provider.movements(account, *today)]


def test_sellers_account_shows_what_the_buyer_paid_without_our_share_as_a_fee(
    stripe_server, stripe_provider, stripe_account, today
):
    paid = captured(stripe_server, stripe_provider, stripe_account)
    movement, share = stripe_provider.movements(stripe_account, *today)
    assert (movement.kind, movement.amount, movement.fee) == ("charge", 85_000, 0)
    assert (movement.source, movement.account, movement.currency) == (paid.external_id, stripe_account, "AED")
    assert (share.kind, share.amount, share.fee) == ("transfer", -4_250, 0)
    assert share.external_id != movement.external_id
    assert today[0] < movement.created_at < today[1]


def test_our_account_shows_stripes_fee_and_our_share(stripe_server, stripe_provider, stripe_account, today):
    paid = captured(stripe_server, stripe_provider, stripe_account)
    movements = seen(stripe_provider, "", today)
    assert movements[0] == ("fee", -2_565, 0, paid.external_id)
    assert movements[1][:3] == ("transfer", 4_250, 0)


def test_fee_of_a_charge_on_our_account_is_within_it(stripe_server, stripe_provider, stripe_account, today):
    paid = captured(stripe_server, stripe_provider, stripe_account, is_separate=True)
    assert seen(stripe_provider, "", today) == [("charge", 85_000, 2_565, paid.external_id)]


def test_every_kind_of_movement_is_told_apart_the_oldest_first(
    stripe_server, stripe_provider, stripe_account, today
):
    paid = captured(stripe_server, stripe_provider, stripe_account)
    refund = stripe_provider.create_refund(
        paid.external_id, stripe_account, 10_000, fee=500, reference="r", key="r"
    )
    stripe_server.controls.fail_refund(refund.external_id)
    payout = stripe_provider.create_payout(stripe_account, 1_000, "AED", reference="p", key="p")
    stripe_server.controls.return_payout(payout.external_id)
    dispute = stripe_server.controls.charge_back(paid.external_id)
    stripe_server.controls.close_dispute(dispute, won=True)
    stripe_server.controls.move(stripe_account, -7)
    movements = seen(stripe_provider, stripe_account, today)
    assert [one[:3] for one in movements] == [
        ("charge", 85_000, 0),
        ("transfer", -4_250, 0),
        ("refund", -10_000, 0),
        ("transfer", 500, 0),
        ("refund_failed", 10_000, 0),
        ("payout", -1_000, 0),
        ("payout_failed", 1_000, 0),
        ("chargeback", -85_000, 0),
        ("chargeback_won", 85_000, 0),
        ("other", -7, 0),
    ]
    sources = [one[3] for one in movements]
    assert sources[2] == sources[4] == refund.external_id
    assert sources[5] == sources[6] == payout.external_id
    assert sources[7] == sources[8] == dispute


def test_all_pages_are_read(stripe_server, stripe_provider, stripe_account, today):
    for amount in range(250):
        stripe_server.controls.move(stripe_account, amount + 1)
    amounts = [one.amount for one in stripe_provider.movements(stripe_account, *today)]
    assert amounts == list(range(1, 251))


def test_only_the_time_that_was_asked_for_is_shown(stripe_server, stripe_provider, stripe_account):
    stripe_server.controls.move(stripe_account, 5)
    created = stripe_server.controls.objects("balance_transaction")[-1]["created"]
    at = datetime.fromtimestamp(created, UTC)
    second = timedelta(seconds=1)
    assert list(stripe_provider.movements(stripe_account, at - second, at)) == []
    assert len(list(stripe_provider.movements(stripe_account, at, at + second))) == 1
    assert list(stripe_provider.movements(stripe_account, at + second, at + 2 * second)) == []
