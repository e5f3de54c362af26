"""What a rule of the ledger is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """Something that must be true of all rows, proved by one statement over all of them.

    `sql` selects the differences: `subject`, a text such as `payment 1b2c…`, and the JSON objects
    `expected` and `found`, whose amounts are in fils.
    """

    name: str
    """Of a case that is opened for a difference, together with its subject; at most 40 characters."""
    title: str
    """What is true, in plain words."""
    sql: str
