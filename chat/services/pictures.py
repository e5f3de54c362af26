"""Pictures in messages of earlier versions."""

from chat.models import Message
from soukloop.core.images.earlier import with_sizes


def add_sizes_to_messages() -> int:
    """Store the pictures of earlier messages again, with smaller sizes; return how many messages' were.

    The earlier files stay: apps may still show them, and another message may have the same one.
    """
    changed = 0
    rows = Message.objects.filter(data__has_key="upload").values_list("pk", "data")
    for message_id, data in rows.iterator():
        new_name = with_sizes(data["upload"])
        unchanged = Message.objects.filter(pk=message_id, data__upload=data["upload"])
        if new_name and unchanged.update(data=data | {"upload": new_name}):
            changed += 1
    return changed
