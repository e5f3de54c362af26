from typing import Any

from django.db import migrations


def show_as_text(apps: Any, schema_editor: Any) -> None:
    """Let messages with a picture of another server be read without loading it from there."""
    messages = apps.get_model("chat", "Message").objects.filter(message_type="image")
    messages.exclude(data__has_key="upload").update(message_type="text")


class Migration(migrations.Migration):
    dependencies = [("chat", "0001_initial")]
    operations = [migrations.RunPython(show_as_text, migrations.RunPython.noop)]
