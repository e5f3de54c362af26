"""What must be true between orders and their payments; each check of the ledger proves it, too."""

from orders.states import OPEN_STATES, SALE_STATUS
from payments.ledger_rules import Rule

# An order with the payment of it that was captured, of which there is at most one.
_FROM = """
FROM orders_order row
JOIN offers_transaction sale ON sale.id = row.transaction_id
LEFT JOIN payments_payment paid ON paid.reference = row.id AND paid.state = 'captured'"""
_EXPECTED = "jsonb_build_object('state', row.state) AS expected"
_FOUND = """jsonb_build_object('captured', paid.amount, 'refunded', paid.refunded,
    'released_at', paid.released_at) AS found"""

_OPEN_STATES = ", ".join(f"'{state}'" for state in sorted(OPEN_STATES))
_SALE_STATUSES = ", ".join(f"('{state}', '{status}')" for state, status in SALE_STATUS.items())


def _rule(name: str, title: str, wrong: str) -> Rule:
    sql = f"SELECT 'order ' || row.id AS subject, {_EXPECTED}, {_FOUND} {_FROM} WHERE {wrong}"
    return Rule(name=name, title=title, sql=sql)


RULES = (
    _rule(
        "order_is_paid",
        "Every order that is paid or goes on from there has a captured payment, and no unpaid one has",
        """CASE
            WHEN row.state IN ('pending_payment', 'authorised') THEN paid.id IS NOT NULL
            WHEN row.state IN ('expired', 'cancelled') THEN false
            ELSE paid.id IS NULL
        END""",
    ),
    _rule(
        "order_is_released",
        "The seller's share of every completed order is released, and of no order before",
        """CASE
            WHEN row.state IN ('completed', 'partially_refunded') THEN paid.released_at IS NULL
            WHEN row.state IN ('paid', 'handed_over', 'shipped', 'delivered')
                THEN paid.released_at IS NOT NULL
            ELSE false
        END""",
    ),
    _rule(
        "order_is_refunded",
        "Orders are refunded in full or in part as their states say, and paid ones that were cancelled, too",
        """CASE row.state
            WHEN 'refunded' THEN paid.refunded IS DISTINCT FROM paid.amount
            WHEN 'partially_refunded' THEN coalesce(paid.refunded NOT BETWEEN 1 AND paid.amount - 1, true)
            WHEN 'cancelled' THEN paid.refunded = 0 AND NOT EXISTS (
                SELECT FROM payments_refund refund WHERE refund.payment_id = paid.id)
            WHEN 'expired' THEN paid.refunded = 0 AND NOT EXISTS (
                SELECT FROM payments_refund refund WHERE refund.payment_id = paid.id)
            ELSE false
        END""",
    ),
    Rule(
        name="sale_follows_order",
        title="The sale of every order has the status that follows from the order's state",
        sql=f"""
            SELECT 'order ' || row.id AS subject,
                jsonb_build_object('state', row.state, 'sale', expected.status) AS expected,
                jsonb_build_object('sale', sale.status) AS found
            FROM orders_order row
            JOIN offers_transaction sale ON sale.id = row.transaction_id
            LEFT JOIN (VALUES {_SALE_STATUSES}) AS expected (state, status) ON expected.state = row.state
            WHERE sale.status IS DISTINCT FROM expected.status""",  # noqa: S608 - our own states
    ),
    Rule(
        name="ordered_product_is_not_on_sale",
        title="No product of an order that is not over is on sale",
        sql=f"""
            SELECT 'order ' || row.id AS subject,
                jsonb_build_object('state', row.state, 'product', 'not active') AS expected,
                jsonb_build_object('product', product.status) AS found
            FROM orders_order row
            JOIN listings_product product ON product.id = row.product_id
            WHERE row.state IN ({_OPEN_STATES}) AND product.status = 'active'""",  # noqa: S608 - our own states
    ),
    Rule(
        name="payment_is_of_the_sale",
        title="Every payment of an order has its price and fee, and goes from its buyer to its seller",
        sql="""
            SELECT 'payment ' || payment.id AS subject,
                jsonb_build_object('amount', (100 * sale.price)::bigint, 'fee',
                    (100 * sale.platform_fee)::bigint, 'payer', sale.buyer_id, 'payee', sale.seller_id)
                    AS expected,
                jsonb_build_object('amount', payment.amount, 'fee', payment.fee, 'payer', payment.payer_id,
                    'payee', payment.payee_id) AS found
            FROM payments_payment payment
            JOIN orders_order row ON row.id = payment.reference
            JOIN offers_transaction sale ON sale.id = row.transaction_id
            WHERE payment.kind = 'sale' AND (payment.amount <> 100 * sale.price
                OR payment.fee <> 100 * sale.platform_fee
                OR payment.payer_id <> sale.buyer_id OR payment.payee_id <> sale.seller_id)""",
    ),
)
