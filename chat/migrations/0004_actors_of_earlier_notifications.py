"""Write who caused the notifications of a conversation that were written before that had a column.

The name of a deleted account is removed from the notifications that it caused.
"""

from django.db import migrations

SET_ACTORS = """
UPDATE notifications_notification AS notification SET
    actor_id = CASE
        WHEN notification.user_id = conversation.buyer_id THEN conversation.seller_id
        ELSE conversation.buyer_id
    END
FROM chat_conversation AS conversation
WHERE notification.data->>'conversation_id' = conversation.id::text
    AND notification.actor_id IS NULL AND notification.params ? 'title'
"""


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0003_strangers_contacted_per_day'),
        ('notifications', '0002_devices_pushes_and_templates'),
    ]

    operations = [migrations.RunSQL(SET_ACTORS, migrations.RunSQL.noop)]
