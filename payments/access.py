"""Which rows of payments may be read or changed, by whom, and the order in which they are locked.

The order is: what is paid for (`hooks.lock_reference`), payment, refund or chargeback or transfer, the
seller's account, payout, then the ledger's rows.
"""

from functools import cache
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from payments.hooks import lock_reference
from payments.models import (
    Chargeback,
    Document,
    FeeBill,
    Payment,
    Payout,
    Refund,
    SavedCard,
    SellerAccount,
    Transfer,
)
from soukloop.core.db.rows import columns_of, one_row, take_instance
from soukloop.core.errors import Forbidden, NotFound


def require_staff(actor: User, permission: str) -> None:
    """Raise Forbidden, unless the actor is staff with a permission such as `payments.change_refund`."""
    if not (actor.is_staff and actor.has_perm(permission)):
        raise Forbidden


def lock_payment(payment_id: UUID) -> Payment:
    """Lock what a payment is for, then the payment; raises NotFound."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reference, kind FROM payments_payment WHERE id = %s", [payment_id])
        found = cursor.fetchone()
    if found is None:
        raise NotFound
    reference, kind = found
    lock_reference(reference)
    if kind == Payment.Kind.FEE_BILL:
        FeeBill.objects.select_for_update(no_key=True).get(pk=reference)
    row = one_row(Payment, _locked_payment_sql(), [payment_id])
    if row is None:
        raise NotFound
    payment, columns_of_account = row
    payment.account = take_instance(SellerAccount, columns_of_account)[0] if payment.account_id else None
    return payment


@cache
def _locked_payment_sql() -> str:
    """Return SQL for a payment with its account: the ORM would build it anew for every provider's answer."""
    return (
        f"SELECT {columns_of(Payment, 'payment')}, {columns_of(SellerAccount, 'account')}"  # noqa: S608 - our names
        " FROM payments_payment payment"
        " LEFT JOIN payments_selleraccount account ON account.id = payment.account_id"
        " WHERE payment.id = %s FOR NO KEY UPDATE OF payment"
    )


def lock_refund(refund_id: UUID) -> Refund:
    """Lock a refund's payment, then the refund; `refund.payment` is the locked row. Raises NotFound."""
    payment_id = Refund.objects.filter(pk=refund_id).values_list("payment_id", flat=True).first()
    if payment_id is None:
        raise NotFound
    payment = lock_payment(payment_id)
    refund = Refund.objects.select_for_update(no_key=True).get(pk=refund_id)
    refund.payment = payment
    return refund


def lock_chargeback(chargeback_id: UUID) -> Chargeback:
    """Lock a chargeback's payment, then the chargeback; `chargeback.payment` is the locked row."""
    payment_id = Chargeback.objects.values_list("payment_id", flat=True).get(pk=chargeback_id)
    payment = lock_payment(payment_id)
    chargeback = Chargeback.objects.select_for_update(no_key=True).get(pk=chargeback_id)
    chargeback.payment = payment
    return chargeback


def lock_transfer(transfer_id: UUID) -> Transfer:
    """Lock a transfer's payment, then the transfer; `transfer.payment` is the locked row. Raises NotFound."""
    payment_id = Transfer.objects.filter(pk=transfer_id).values_list("payment_id", flat=True).first()
    if payment_id is None:
        raise NotFound
    payment = lock_payment(payment_id)
    transfer = Transfer.objects.select_for_update(no_key=True).get(pk=transfer_id)
    transfer.payment = payment
    return transfer


def lock_account(account_id: UUID) -> SellerAccount:
    """Lock a seller's account, so that no other transaction changes what is available to its seller."""
    sql = f"SELECT {columns_of(SellerAccount)} FROM payments_selleraccount WHERE id = %s FOR NO KEY UPDATE"  # noqa: S608
    row = one_row(SellerAccount, sql, [account_id])
    if row is None:
        raise NotFound
    return row[0]


def lock_balance(payment: Payment) -> None:
    """Lock the account of a locked payment's seller before the seller's balance changes."""
    if payment.account_id is not None:
        lock_account(payment.account_id)


def lock_payout(payout_id: UUID) -> Payout:
    """Lock a payout's account, then the payout; raises NotFound."""
    account_id = Payout.objects.filter(pk=payout_id).values_list("account_id", flat=True).first()
    if account_id is None:
        raise NotFound
    account = lock_account(account_id)
    payout = (
        Payout.objects.select_related("seller").select_for_update(of=("self",), no_key=True).get(pk=payout_id)
    )
    payout.account = account
    return payout


def documents_of(user: User) -> QuerySet[Document]:
    """Return the documents that were issued to a person."""
    return Document.objects.filter(person=user).select_related("payment")


def document_of(user: User, document_id: UUID) -> Document:
    """Return one of a person's documents; raises NotFound."""
    document = documents_of(user).filter(pk=document_id).first()
    if document is None:
        raise NotFound(_("Document not found."))
    return document


def require_seller(actor: User) -> None:
    """Raise Forbidden for those who do not sell."""
    if actor.role != User.Role.SELLER:
        raise Forbidden(_("Only sellers are paid by card, and pay fees."))


def account_of(user: User) -> SellerAccount | None:
    """Return the user's account at the provider of card payments."""
    return SellerAccount.objects.filter(seller=user, provider=settings.CARD_PROVIDER).first()


def card_of(user: User) -> SavedCard | None:
    """Return the card that the user saved at the provider of card payments, or began to save."""
    return SavedCard.objects.filter(user=user, provider=settings.CARD_PROVIDER).first()


def lock_card_of(user: User) -> SavedCard | None:
    """Lock and return what `card_of` returns."""
    cards = SavedCard.objects.select_for_update()
    return cards.filter(user=user, provider=settings.CARD_PROVIDER).first()
