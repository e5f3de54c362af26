"""The check of the ledger: it finds nothing where nothing is wrong, and each difference in one run."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.tests.factories import make_seller
from payments import hooks
from payments.ledger_rules import Rule
from payments.models import Correction, Entry, EntryLine, FinanceCase, ProviderMovement
from payments.providers.base import Movement
from payments.services import ledger
from payments.services.ledger_check import Report, check_ledger, open_cases_for
from payments.tests.factories import make_account, make_chargeback, make_payment, make_refund
from payments.tests.ledgers import FullLedger, make_full_ledger
from soukloop.tests.database import writable_ledger

Account = EntryLine.Account


@pytest.fixture
def full(db: None) -> FullLedger:
    return make_full_ledger()


def wrong_rules(report: Report) -> set[str]:
    return {result.name for result in report.results if result.count}


def test_nothing_is_wrong_with_a_ledger_of_every_kind_of_entry(full: FullLedger) -> None:
    report = check_ledger()
    assert wrong_rules(report) == set()
    assert report.differences == 0
    assert report.entries == Entry.objects.count()
    assert report.lines == EntryLine.objects.count()
    assert sum(report.balances.values()) == 0
    kinds = set(Entry.objects.values_list("kind", flat=True))
    assert kinds == set(Entry.Kind.values) - {"correction", "provider_fee"}


def test_empty_ledger_has_nothing_wrong(db: None) -> None:
    assert check_ledger().differences == 0


def execute(sql: str, *params: Any) -> None:
    with writable_ledger(), connection.cursor() as cursor:
        cursor.execute(sql, params)


def entry_of(key: str) -> int:
    return Entry.objects.get(key=key).pk


def copy_entry(key: str, new_key: str) -> None:
    execute(
        "WITH entry AS (INSERT INTO payments_entry (kind, key, payment_id, payout_id, note, created_at)"
        " SELECT kind, %s, payment_id, payout_id, note, created_at FROM payments_entry WHERE key = %s"
        " RETURNING id) INSERT INTO payments_entryline (entry_id, account, person_id, amount)"
        " SELECT entry.id, account, person_id, amount FROM entry, payments_entryline line"
        " WHERE line.entry_id = %s",
        *(new_key, key, entry_of(key)),
    )


def delete_entry(key: str) -> None:
    entry = entry_of(key)
    execute("DELETE FROM payments_entryline WHERE entry_id = %s", entry)
    execute("DELETE FROM payments_entry WHERE id = %s", entry)


def add_to_lines(key: str, **amounts: int) -> None:
    for account, amount in amounts.items():
        execute(
            "UPDATE payments_entryline SET amount = amount + %s WHERE entry_id = %s AND account = %s",
            *(amount, entry_of(key), account),
        )


def forget(table: str, row_id: Any, *referring: str) -> None:
    """Delete a row and leave what refers to it, as nothing of ours can."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL session_replication_role = replica")
        for name in referring:
            cursor.execute(f"DELETE FROM {name} WHERE payment_id = %s", [row_id])  # noqa: S608
        cursor.execute(f"DELETE FROM {table} WHERE id = %s", [row_id])  # noqa: S608
        cursor.execute("SET LOCAL session_replication_role = origin")


def post_correction(full: FullLedger) -> None:
    """Post a fil that was moved back, as two people decided."""
    correction = Correction.objects.create(
        lines=[
            {"account": "fees", "person": None, "amount": -1},
            {"account": "seller_pending", "person": str(full.seller.pk), "amount": 1},
        ],
        payment=full.pending,
        note="A fil was moved",
        state=Correction.State.POSTED,
        requested_by=full.seller,
        decided_by=full.pending.payer,
        created_at=timezone.now(),
        decided_at=timezone.now(),
    )
    ledger.post(
        kind=Entry.Kind.CORRECTION,
        key=f"correction:{correction.pk}",
        lines=[(Account.FEES, None, -1), (Account.SELLER_PENDING, full.seller.pk, 1)],
        payment=full.pending,
        actor=full.pending.payer,
        note="A fil was moved",
    )


def post_more_than_approved(full: FullLedger) -> None:
    post_correction(full)
    execute(
        "UPDATE payments_entryline SET amount = 100 * amount FROM payments_entry entry"
        " WHERE entry.id = entry_id AND entry.kind = 'correction'"
    )


# What is damaged, and the rule that must find it.
DAMAGES: dict[str, tuple[Callable[[FullLedger], object], str]] = {
    "entry of a charge is missing": (
        lambda full: delete_entry(f"charge:{full.pending.pk}"),
        "payment_has_its_entry",
    ),
    "entry of a fee in person is missing": (
        lambda full: delete_entry(f"hand_over_fee:{full.in_person.pk}"),
        "payment_is_in_the_ledger",
    ),
    "entry of a refund is missing": (
        lambda full: delete_entry(f"refund:{full.refund.pk}"),
        "refund_has_its_entry",
    ),
    "entry of a returned refund is missing": (
        lambda full: delete_entry(f"refund_returned:{full.returned_refund.pk}"),
        "refund_has_its_entry",
    ),
    "entry of a chargeback is missing": (
        lambda full: delete_entry(f"chargeback:{full.disputed.pk}"),
        "chargeback_has_its_entries",
    ),
    "decision of a chargeback is missing": (
        lambda full: delete_entry(f"chargeback_lost:{full.lost.pk}:1"),
        "chargeback_has_its_entries",
    ),
    "entry of a release is missing": (
        lambda full: delete_entry(f"release:{full.released.pk}"),
        "payment_is_in_the_ledger",
    ),
    "entry of a payout is missing": (
        lambda full: delete_entry(f"payout:{full.on_its_way.pk}"),
        "payout_has_its_entries",
    ),
    "entry of a paid bill is missing": (
        lambda full: delete_entry(f"fee_paid:{full.bill_payment.pk}"),
        "payment_has_its_entry",
    ),
    "charge is entered twice": (
        lambda full: copy_entry(f"charge:{full.pending.pk}", "charge:again"),
        "payment_has_its_entry",
    ),
    "refund is entered twice": (
        lambda full: copy_entry(f"refund:{full.refund.pk}", f"refund:{full.refund.pk}:again"),
        "payment_is_in_the_ledger",
    ),
    "payout is entered twice": (
        lambda full: copy_entry(f"payout:{full.paid.pk}", "payout:again"),
        "payout_is_in_the_ledger",
    ),
    "line has another amount": (
        lambda full: add_to_lines(f"charge:{full.pending.pk}", fees=1),
        "entry_balances",
    ),
    "fil is moved from our fee to the seller": (
        lambda full: add_to_lines(f"charge:{full.pending.pk}", fees=1, seller_pending=-1),
        "payment_is_in_the_ledger",
    ),
    "fil is moved from our fee to the VAT": (
        lambda full: add_to_lines(f"refund:{full.refund.pk}", fees=1, vat=-1),
        "payment_is_in_the_ledger",
    ),
    "line is lost": (
        lambda full: execute(
            "DELETE FROM payments_entryline WHERE entry_id = %s AND account = 'vat'",
            entry_of(f"charge:{full.pending.pk}"),
        ),
        "entry_balances",
    ),
    "two lines are lost that balance each other": (
        lambda full: execute(
            "DELETE FROM payments_entryline WHERE entry_id = %s AND account = 'refunds'",
            entry_of(f"refund:{full.refund.pk}"),
        ),
        "turnover_is_of_the_entry",
    ),
    "all lines of an entry are lost": (
        lambda full: execute(
            "DELETE FROM payments_entryline WHERE entry_id = %s", entry_of(f"release:{full.released.pk}")
        ),
        "entry_has_lines",
    ),
    "share stands on another seller's account": (
        lambda full: execute(
            "UPDATE payments_entryline SET person_id = %s WHERE entry_id = %s AND account = 'seller_pending'",
            *(make_seller().pk, entry_of(f"charge:{full.pending.pk}")),
        ),
        "seller_of_the_entry",
    ),
    "payout stands on another seller's account": (
        lambda full: execute(
            "UPDATE payments_entryline SET person_id = %s WHERE entry_id = %s",
            *(make_seller().pk, entry_of(f"payout:{full.on_its_way.pk}")),
        ),
        "payout_is_in_the_ledger",
    ),
    "entry is about another payment": (
        lambda full: execute(
            "UPDATE payments_entry SET payment_id = %s WHERE key = %s",
            *(full.released.pk, f"charge:{full.pending.pk}"),
        ),
        "entry_names_its_row",
    ),
    "payment that failed is called captured": (
        lambda full: execute(
            "UPDATE payments_payment SET state = 'captured', captured_at = now(), closed_at = NULL"
            " WHERE id = %s",
            full.failed.pk,
        ),
        "payment_has_its_entry",
    ),
    "captured payment is called cancelled": (
        lambda full: execute(
            "UPDATE payments_payment SET state = 'cancelled', closed_at = now() WHERE id = %s",
            full.pending.pk,
        ),
        "payment_is_in_the_ledger",
    ),
    "payment has another amount": (
        lambda full: execute(
            "UPDATE payments_payment SET amount = amount + 1 WHERE id = %s", full.pending.pk
        ),
        "payment_is_in_the_ledger",
    ),
    "payment has another fee": (
        lambda full: execute("UPDATE payments_payment SET fee = fee + 1 WHERE id = %s", full.in_person.pk),
        "payment_is_in_the_ledger",
    ),
    "payment is called released": (
        lambda full: execute(
            "UPDATE payments_payment SET released_at = now() WHERE id = %s", full.pending.pk
        ),
        "payment_is_in_the_ledger",
    ),
    "payment counts another sum as refunded": (
        lambda full: execute("UPDATE payments_payment SET refunded = 1 WHERE id = %s", full.released.pk),
        "payment_counts_its_refunds",
    ),
    "refund that failed is called succeeded": (
        lambda full: execute(
            "UPDATE payments_refund SET state = 'succeeded' WHERE id = %s", full.returned_refund.pk
        ),
        "refund_has_its_entry",
    ),
    "refund has another amount": (
        lambda full: execute("UPDATE payments_refund SET amount = amount - 1 WHERE id = %s", full.refund.pk),
        "payment_is_in_the_ledger",
    ),
    "open chargeback is called won": (
        lambda full: execute("UPDATE payments_chargeback SET state = 'won' WHERE id = %s", full.disputed.pk),
        "chargeback_has_its_entries",
    ),
    "payout on its way is called paid": (
        lambda full: execute("UPDATE payments_payout SET state = 'paid' WHERE id = %s", full.on_its_way.pk),
        "payout_has_its_entries",
    ),
    "returned payout is called paid": (
        lambda full: execute("UPDATE payments_payout SET state = 'paid' WHERE id = %s", full.returned.pk),
        "payout_is_in_the_ledger",
    ),
    "payout has another amount": (
        lambda full: execute("UPDATE payments_payout SET amount = amount + 1 WHERE id = %s", full.paid.pk),
        "payout_is_in_the_ledger",
    ),
    "bill that is paid is called open": (
        lambda full: execute("UPDATE payments_feebill SET state = 'open' WHERE id = %s", full.bill.pk),
        "fee_bill_is_paid",
    ),
    "correction has no reason": (
        lambda full: execute(
            "UPDATE payments_entry SET kind = 'correction', key = 'correction:1' WHERE key = %s",
            f"charge:{full.pending.pk}",
        ),
        "entry_names_its_row",
    ),
    "payment is lost and its entries are left": (
        lambda full: forget("payments_payment", full.disputed.payment_id, "payments_chargeback"),
        "entry_has_its_rows",
    ),
    "entry is lost and its lines are left": (
        lambda full: forget("payments_entry", entry_of(f"release:{full.released.pk}")),
        "entry_has_its_rows",
    ),
    "fee of a provider moves a seller's money": (
        lambda full: ledger.post(
            kind=Entry.Kind.PROVIDER_FEE,
            key="provider_fee:1",
            lines=[(Account.SELLER_AVAILABLE, full.seller.pk, -5_000), (Account.FEES, None, 5_000)],
        ),
        "entry_moves_its_accounts",
    ),
    "correction was approved by nobody": (
        lambda full: ledger.post(
            kind=Entry.Kind.CORRECTION,
            key="correction:1",
            lines=[(Account.SELLER_AVAILABLE, full.seller.pk, -5_000), (Account.FEES, None, 5_000)],
            actor=full.seller,
            note="Invented",
        ),
        "correction_is_as_approved",
    ),
    "correction is posted with more than was approved": (
        post_more_than_approved,
        "correction_is_as_approved",
    ),
    "payment is on another seller's account": (
        lambda full: execute(
            "UPDATE payments_payment SET account_id = %s WHERE id = %s",
            *(make_account().pk, full.pending.pk),
        ),
        "payment_is_on_its_sellers_account",
    ),
    "number of a document is missing": (
        lambda full: execute("INSERT INTO payments_documentseries VALUES ('INV-2026', 2)"),
        "document_numbers_have_no_gaps",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_one_run_finds_each_kind_of_difference(full: FullLedger, damage: str) -> None:
    inject, rule = DAMAGES[damage]
    inject(full)
    report = check_ledger()
    assert rule in wrong_rules(report)
    assert report.differences > 0


def test_difference_of_a_payment_names_only_the_sums_that_differ(full: FullLedger) -> None:
    add_to_lines(f"charge:{full.pending.pk}", fees=1, seller_pending=-1)
    [result] = [result for result in check_ledger().results if result.count]
    [difference] = result.differences
    assert difference.subject == f"payment {full.pending.pk}"
    assert difference.expected.keys() == difference.found.keys() == {"fees", "seller_pending"}


def test_payment_of_which_more_went_back_than_was_paid_is_a_difference(db: None) -> None:
    payment = make_payment()
    ledger.post_charge(payment)
    ledger.post_refund(make_refund(payment, 50_000))
    payment.refunded = payment.amount  # of 50,000 and 85,000, no more than the amount
    payment.save()
    ledger.post_chargeback_lost(make_chargeback(payment, 85_000, state="lost"))
    assert ledger.balance(EntryLine.Account.SELLER_PENDING, payment.payee) == 50_000
    assert wrong_rules(check_ledger()) == {"payment_counts_its_refunds"}


def test_refund_in_person_of_a_fil_more_than_was_paid_is_found(db: None) -> None:
    payment = make_payment(provider="in_person")
    ledger.post_hand_over_fee(payment)
    refund = make_refund(payment, 85_000, external_id="")
    ledger.post_refund(refund)
    execute("UPDATE payments_refund SET amount = amount + 1 WHERE id = %s", refund.pk)
    assert wrong_rules(check_ledger()) == {"payment_counts_its_refunds"}


def test_correction_of_a_payment_makes_it_right_again(full: FullLedger) -> None:
    add_to_lines(f"charge:{full.pending.pk}", fees=1, seller_pending=-1)
    post_correction(full)
    assert check_ledger().differences == 0


def test_case_is_opened_once_for_each_difference(full: FullLedger) -> None:
    execute("UPDATE payments_payment SET refunded = 1 WHERE id = %s", full.released.pk)
    for _ in range(2):
        open_cases_for(check_ledger())
    case = FinanceCase.objects.get()
    assert case.kind == FinanceCase.Kind.LEDGER
    assert case.key == f"payment_counts_its_refunds:payment {full.released.pk}"
    assert case.ours["expected"] == {"refunded": 10_000}
    assert case.ours["found"] == {"refunded": 1}


def test_upper_app_adds_its_own_rules(full: FullLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    found = "SELECT 'order 1' AS subject, '{}'::jsonb AS expected, '{}'::jsonb AS found"
    rule = Rule(name="orders", title="Orders are paid", sql=found)
    monkeypatch.setattr(hooks.ledger_checks, "_callbacks", [lambda: [rule]])
    assert wrong_rules(check_ledger()) == {"orders"}


def test_command_says_in_plain_words_that_nothing_differs(full: FullLedger, capsys: Any) -> None:
    call_command("ledger", "check")
    output = capsys.readouterr().out
    assert output.endswith("Nothing differs by a fils.\n")
    assert "WRONG" not in output


def test_command_fails_and_shows_both_sides_of_a_difference(full: FullLedger, capsys: Any) -> None:
    add_to_lines(f"charge:{full.pending.pk}", fees=1, seller_pending=-1)
    with pytest.raises(CommandError) as failed:
        call_command("ledger", "check", "--open-cases")
    assert failed.value.returncode == 1
    output = capsys.readouterr().out
    assert f"payment {full.pending.pk}" in output
    assert FinanceCase.objects.count() == 1


def test_command_prints_json_for_programs(full: FullLedger, capsys: Any) -> None:
    call_command("ledger", "check", "--json")
    report = json.loads(capsys.readouterr().out)
    assert report["differences"] == 0
    assert report["balances"]["disputes"] == 85_000


@pytest.mark.parametrize(("listed", "is_wrong"), [(5, False), (6, True), (None, True)])
def test_a_providers_fee_must_stand_in_its_list_of_movements(
    db: None, listed: int | None, is_wrong: bool
) -> None:
    now = timezone.now()
    ledger.post_provider_fee(None, Movement("txn_1", "fee", -5, 5, "AED", "", "", now))
    if listed is not None:
        ProviderMovement.objects.create(
            provider="stripe",
            external_id="txn_1",
            kind="fee",
            amount=-listed,
            fee=listed,
            day=now.date(),
            created_at=now,
        )
    report = check_ledger()
    assert wrong_rules(report) == ({"provider_fee_was_kept"} if is_wrong else set())
