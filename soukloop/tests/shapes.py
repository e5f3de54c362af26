"""The shapes of all requests and responses, found as subclasses of `Serializer`."""

import re
from typing import Any

from rest_framework import serializers

from soukloop.core.domain import domain_apps
from soukloop.urls import urlpatterns

Shape = type[serializers.Serializer[Any]]

assert urlpatterns  # importing it has imported every view, and so every shape


def all_shapes() -> set[Shape]:
    """Return the project's serializer classes, without those of tests and libraries."""
    ours = {"soukloop", *(app.label for app in domain_apps())}
    found: set[Shape] = set()
    to_visit: list[Shape] = [serializers.Serializer]
    while to_visit:
        shape = to_visit.pop()
        to_visit += shape.__subclasses__()
        package, *modules = shape.__module__.split(".")
        if package in ours and "tests" not in modules:
            found.add(shape)
    return found


def shapes_of_requests() -> set[Shape]:
    """Return the shapes of bodies, queries and socket commands."""
    return {shape for shape in all_shapes() if re.search("(Input|Query|Command)$", shape.__name__)}
