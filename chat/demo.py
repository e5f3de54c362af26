"""Demo conversations: buyers ask, sellers answer, some messages are unread."""

from collections.abc import Sequence

from accounts.demo import demo_people
from accounts.models import User
from chat.models import Conversation
from chat.services import mark_read, open_conversation, post_message
from listings.demo import demo_products
from listings.models import Product

# The side that writes and its text, in order; the last message of each remains unread.
_DIALOGUES = (
    (
        ("buyer", "Hi! Is this item still available?"),
        ("seller", "Yes! It's available. Would you like to see more photos?"),
        ("buyer", "Please. And is the box included?"),
        ("seller", "Original box and receipt. I'm near the Marina Mall most evenings."),
    ),
    (
        ("buyer", "السلام عليكم، هل السعر قابل للتفاوض؟"),
        ("seller", "وعليكم السلام، أهلاً. يمكنك إرسال عرض."),
    ),
    (
        ("buyer", "Could you hold it for me until Friday?"),
        ("seller", "I can until Thursday evening. 🙂"),
        ("buyer", "Thursday it is, thank you!"),
    ),
)


def seed() -> Sequence[str]:
    """Add the demo conversations that are missing."""
    seed_conversations(demo_people(), demo_products())
    return ()


def seed_conversations(users: Sequence[User], products: Sequence[Product]) -> list[Conversation]:
    """Create conversations of each buyer with two products' sellers; existing ones are not changed."""
    buyers = [user for user in users if user.role == User.Role.BUYER and not user.is_staff]
    on_sale = [product for product in products if product.is_available]
    conversations: list[Conversation] = []
    for number, buyer in enumerate(buyers):
        for place in range(2):
            if not on_sale:
                return conversations
            product = on_sale[(number * 2 + place) % len(on_sale)]
            conversations.append(
                _seed_conversation(buyer, product, _DIALOGUES[(number + place) % len(_DIALOGUES)])
            )
    return conversations


def _seed_conversation(buyer: User, product: Product, dialogue: Sequence[tuple[str, str]]) -> Conversation:
    conversation, is_new = open_conversation(
        actor=buyer, other_user_id=product.seller_id, product_id=product.pk
    )
    if not is_new:
        return conversation
    people = {"buyer": buyer, "seller": product.seller}
    for side, content in dialogue:
        post_message(conversation=conversation, sender=people[side], content=content)
        reader = people["seller" if side == "buyer" else "buyer"]
        if content is not dialogue[-1][1]:
            mark_read(actor=reader, conversation_id=conversation.pk)
    conversation.refresh_from_db()
    return conversation
