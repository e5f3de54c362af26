"""What a provider in memory and our rows don't agree on, object by object."""

from typing import Any

from payments.models import Chargeback, Payment, Payout, Refund


def differences(provider: Any) -> list[str]:
    """Return each object of which state or amount differ, and each that one side alone has."""
    memory, prefix, found = provider.memory, provider.prefix, []
    for name, rows, objects in (
        ("payment", Payment.objects.filter(provider="memory"), memory.payments),
        ("refund", Refund.objects.filter(payment__provider="memory"), memory.refunds),
        ("chargeback", Chargeback.objects.all(), memory.chargebacks),
        ("payout", Payout.objects.filter(account__provider="memory"), memory.payouts),
    ):
        ours = {
            external_id: (_outcome(state), amount)
            for external_id, state, amount in rows.filter(external_id__startswith=prefix)
            .values_list("external_id", "state", "amount")
            .iterator()
        }
        theirs = {external_id: (_outcome(row.state), row.amount) for external_id, row in objects.items()}
        found += [
            f"{name} {external_id}: ours {ours.get(external_id)}, the provider's {theirs.get(external_id)}"
            for external_id in ours.keys() | theirs.keys()
            if ours.get(external_id) != theirs.get(external_id)
        ]
    return found


def _outcome(state: str) -> str:
    """Return the state; what failed here is cancelled at the provider, so that nobody pays it later."""
    return "closed" if state in ("failed", "cancelled") else state
