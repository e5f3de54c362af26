"""Registers the functions that orders call when accounts, products, sales or payments change."""

from accounts.hooks import account_closed, account_deleted, account_deletion_blockers
from listings.hooks import product_withdrawn, viewer_dealings
from offers.hooks import badge_counters, sale_cancellation, unpaid_orders
from orders.access import lock_reference
from orders.codes import PURPOSE
from orders.ledger_rules import RULES
from orders.models import Order
from orders.selectors import badges_of, buying_options, count_unpaid_orders, obligations_of
from orders.services import closing, disputes, payment_changes
from orders.services.addresses import erase_addresses
from payments import hooks
from soukloop.core.encryption import declare_encrypted_field

declare_encrypted_field(Order, "hand_over_code", purpose=PURPOSE)

account_deleted.register(erase_addresses)
account_deletion_blockers.register(obligations_of)
account_closed.register(closing.enqueue_closing_for_account)
viewer_dealings.register(buying_options)
badge_counters.register(badges_of)
unpaid_orders.register(count_unpaid_orders)
product_withdrawn.register(closing.cancel_orders_of_product)
sale_cancellation.register(closing.cancel_order_of_sale)
hooks.lock_reference.register(lock_reference)
hooks.payment_changed.register(payment_changes.payment_changed)
hooks.refund_changed.register(payment_changes.refund_changed)
hooks.chargeback_changed.register(payment_changes.chargeback_changed)
# After those of the order itself, which may have closed what was disputed.
hooks.refund_changed.register(disputes.follow_refund)
hooks.chargeback_changed.register(disputes.follow_chargeback)
hooks.ledger_checks.register(lambda: RULES)
