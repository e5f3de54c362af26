"""Demo orders in person: one that waits for the meeting, one handed over, one completed, one cancelled."""

from collections.abc import Callable, Sequence

from accounts.demo import demo_people
from accounts.models import User
from listings.demo import demo_products
from listings.models import Product
from orders.codes import plain_code
from orders.models import Order
from orders.services.buying import place_order
from orders.services.closing import cancel_order, confirm_order
from orders.services.hand_over import hand_over


def seed() -> Sequence[str]:
    """Create the demo orders unless they exist, and return what to try."""
    products = demo_products()
    seed_orders(demo_people(), products)
    orders = Order.objects.filter(product__in=products).select_related("buyer", "seller")
    waiting = orders.filter(state=Order.State.AUTHORISED).order_by("created_at").first()
    if waiting is None:
        return ()
    return (
        f"Orders: {waiting.buyer.username} has bought from {waiting.seller.username}, to be paid in person;"
        f" GET /api/v1/orders/{waiting.pk} shows the code for the hand-over to its buyer (docs/orders.md)",
    )


def seed_orders(users: Sequence[User], products: Sequence[Product]) -> list[Order]:
    """Buy the newest Community products that are available; do nothing if one was ordered already."""
    buyers = [user for user in users if user.role == User.Role.BUYER and not user.is_staff]
    if not buyers or Order.objects.filter(product__in=products).exists():
        return []
    community = Product.FeedType.COMMUNITY
    available = [each for each in reversed(products) if each.is_available and each.feed_type == community]
    next_steps: tuple[Callable[[Order], object], ...] = (_leave, _hand_over, _complete, _cancel)
    orders = []
    for number, (product, next_step) in enumerate(zip(available, next_steps, strict=False)):
        order = place_order(
            actor=buyers[number % len(buyers)],
            product_id=product.pk,
            payment_method=Order.PaymentMethod.IN_PERSON,
            delivery=Order.Delivery.MEET_UP,
        )
        next_step(order)
        orders.append(order)
    return orders


def _leave(order: Order) -> None:
    pass


def _hand_over(order: Order) -> Order:
    return hand_over(actor=order.seller, order_id=order.pk, code=plain_code(order.hand_over_code))


def _complete(order: Order) -> None:
    _hand_over(order)
    confirm_order(actor=order.buyer, order_id=order.pk)


def _cancel(order: Order) -> None:
    cancel_order(actor=order.buyer, order_id=order.pk, reason="I found another one nearby.")
