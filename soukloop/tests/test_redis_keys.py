"""The Redis keys that apps declare in their `keys` modules."""

import inspect
from collections import defaultdict
from collections.abc import Iterator
from types import ModuleType

from soukloop.core.domain import domain_apps, import_submodule
from soukloop.core.redis import keys as core_keys
from soukloop.realtime import keys as realtime_keys


def keys_modules() -> list[ModuleType]:
    declared = [import_submodule(app, "keys") for app in domain_apps()]
    return [core_keys, realtime_keys, *(module for module in declared if module)]


def keys_of(module: ModuleType) -> Iterator[str]:
    """Return each key of a module, with a name of the argument where a key has one."""
    for name, value in vars(module).items():
        if isinstance(value, str) and name.isupper():
            yield value
        elif inspect.isfunction(value) and value.__module__ == module.__name__:
            yield value(*(f"<{parameter}>" for parameter in inspect.signature(value).parameters))


def test_each_prefix_of_redis_keys_belongs_to_one_app() -> None:
    owners = defaultdict(set)
    for module in keys_modules():
        for key in keys_of(module):
            owners[key.partition(":")[0]].add(module.__name__)
    assert {prefix: names for prefix, names in owners.items() if len(names) > 1} == {}
    assert set(owners) >= {"otp", "ws_ticket", "typing", "stream", "presence", "rate", "category_counts"}


def test_the_keys_that_the_contract_names_are_declared() -> None:
    declared = {key for module in keys_modules() for key in keys_of(module)}
    assert declared >= {
        "otp:<identifier>",
        "online_users",
        "typing:<conversation_id>:<user_id>",
        "stream:<stream_id>:unique_viewers",
        "stream:<stream_id>:chat",
        "stream:<stream_id>:reactions",
    }
