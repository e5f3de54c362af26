"""Request fields of products: web addresses, categories, tags."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.validators import URLValidator
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.fields import empty

from listings.models import Category
from soukloop.core.http.fields import PlainTextField
from soukloop.core.images import is_picture
from soukloop.core.typed_text import remove_hidden
from soukloop.core.uploads import is_own_media, is_spelled_otherwise, stored_name

_NOT_IN_ADDRESSES = re.compile(r"[\s\\\"'<>`\x00-\x1f\x7f]")


class WebAddressField(serializers.CharField):
    """An http or https URL that all parsers read in the same way. The server never fetches it.

    Without EXTERNAL_MEDIA_ALLOWED, only one of our own files.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=2000, validators=[_check_address], **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class PictureAddressField(WebAddressField):
    """The URL of a picture; of our own files, one that was uploaded as a picture."""

    def run_validation(self, data: Any = empty) -> Any:
        address = super().run_validation(data)
        name = stored_name(address) if address else None
        if name is not None and not is_picture(name):
            raise serializers.ValidationError(_("This file is not an uploaded picture."))
        return address


def _check_address(address: str) -> None:
    if _NOT_IN_ADDRESSES.search(address):
        raise serializers.ValidationError(
            _("An address can't contain spaces, quotes, backslashes or angle brackets.")
        )
    if remove_hidden(address, has_lines=False) != address:
        raise serializers.ValidationError(_("An address can't contain characters that cannot be seen."))
    invalid_host = _("The host or port of this address is invalid.")
    try:
        parts = urlsplit(address)
        if parts.port == 0:  # reading it raises ValueError for one beyond 65535
            raise serializers.ValidationError(invalid_host)
    except ValueError as error:
        raise serializers.ValidationError(invalid_host) from error
    if parts.scheme not in ("http", "https"):
        raise serializers.ValidationError(_("Enter an address that starts with http:// or https://."))
    if "@" in parts.netloc:  # readers could take the text before the @ for the host
        raise serializers.ValidationError(_("An address can't contain a username or password."))
    URLValidator(schemes=["http", "https"], message=invalid_host)(address)
    if is_spelled_otherwise(address):
        raise serializers.ValidationError(_("Write the address of an uploaded file as it was answered."))
    if not settings.EXTERNAL_MEDIA_ALLOWED and not is_own_media(address):
        raise serializers.ValidationError(_("Use the address of a file that was uploaded here."))


class CategoryField(serializers.CharField):
    """A category by its slug, which is looked up only after the validators have refused invalid text."""

    def run_validation(self, data: Any = empty) -> Any:
        slug = super().run_validation(data)
        category = Category.objects.filter(pk=slug).first()
        if category is None:
            raise serializers.ValidationError(_("Category not found."))
        return category


class TagField(PlainTextField):
    """A tag, from which a leading # is removed."""

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(data.strip().lstrip("#") if isinstance(data, str) else data)
