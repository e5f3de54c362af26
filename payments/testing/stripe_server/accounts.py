"""Connected accounts, their onboarding, and the cards that people save on our account."""

import secrets
from typing import Any

from payments.testing.stripe_server.cards import CARDS
from payments.testing.stripe_server.errors import ApiError, invalid
from payments.testing.stripe_server.routes import Call, route
from payments.testing.stripe_server.store import PLATFORM, Object, Store

ASKED = ["business_profile.url", "company.tax_id", "external_account", "tos_acceptance.date"]
KNOWN_CAPABILITIES = {"card_payments", "transfers", "legacy_payments", "tax_reporting_us_1099_k"}


@route("POST", "/accounts", "country email controller type capabilities settings metadata business_type")
def create(call: Call) -> Object:
    controller, settings = call.nested("controller"), call.nested("settings")
    losses = controller.get("losses", {}).get("payments", "stripe")
    payer = controller.get("fees", {}).get("payer", "account")
    if losses == "application" and payer != "application":
        raise invalid("The platform must pay the fees if it is liable for losses.", param="controller")
    requested = call.nested("capabilities")
    unknown = sorted(set(requested) - KNOWN_CAPABILITIES)
    if unknown:
        raise invalid(f"Unknown capability: {unknown[0]}", param=f"capabilities[{unknown[0]}]")
    schedule = {"interval": "daily", **settings.get("payouts", {}).get("schedule", {})}
    account = call.store.add(
        "acct",
        "account",
        PLATFORM,
        {
            "business_type": call.params.get("business_type"),
            "capabilities": {
                name: "inactive" for name, wish in requested.items() if wish.get("requested") == "true"
            },
            "charges_enabled": False,
            "controller": {"type": "application", **controller},
            "country": call.text("country"),
            "default_currency": "aed",
            "details_submitted": False,
            "email": call.params.get("email"),
            "metadata": call.nested("metadata"),
            "payouts_enabled": False,
            "requirements": _requirements(ASKED, "requirements.past_due"),
            "settings": {"payouts": {"schedule": schedule}},
            "type": "none",
        },
    )
    call.store.emit("account.updated", account, account["id"])
    return account


def _requirements(due: list[str], reason: str | None) -> Object:
    return {
        "currently_due": list(due),
        "past_due": [],
        "eventually_due": list(due),
        "pending_verification": [],
        "disabled_reason": reason,
        "errors": [],
    }


@route("GET", "/accounts/{id}")
def retrieve(call: Call) -> Object:
    try:
        return call.find("account", account=PLATFORM)
    except ApiError:
        raise no_access(call.ids["id"]) from None


def no_access(account: str) -> ApiError:
    return ApiError(
        403,
        f"The provided key does not have access to account '{account}' (or that account does not exist).",
        code="account_invalid",
        is_saved=False,
    )


@route("POST", "/account_links", "account type return_url refresh_url collection_options")
def create_link(call: Call) -> Object:
    account = call.store.get("account", call.text("account"), PLATFORM)
    if call.text("type") != "account_onboarding":
        raise invalid("You cannot create this type of link for this account.", param="type")
    for name in ("return_url", "refresh_url"):
        if not call.text(name).startswith(("http://", "https://")):
            raise invalid("Not a valid URL", code="url_invalid", param=name)
    return {
        "object": "account_link",
        "created": account["created"],
        "expires_at": account["created"] + 300,
        "url": f"https://connect.stripe.com/setup/e/{account['id']}/{secrets.token_hex(6)}",
    }


def complete_onboarding(store: Store, account: Object) -> None:
    """Verify the owner: what was requested becomes active, and nothing else."""
    account["capabilities"] = dict.fromkeys(account["capabilities"], "active")
    account.update(
        details_submitted=True,
        charges_enabled=bool(account["capabilities"]),
        payouts_enabled=True,
        requirements=_requirements([], None),
    )
    store.emit("account.updated", account, account["id"])


def restrict(store: Store, account: Object, capability: str, due: list[str]) -> None:
    """Take a capability away until the owner has answered; the other flags stay as they are."""
    account["capabilities"][capability] = "inactive"
    account["requirements"] = _requirements(due, None)
    store.emit("account.updated", account, account["id"])


@route("POST", "/customers", "email name metadata")
def create_customer(call: Call) -> Object:
    fields = {"email": call.params.get("email"), "metadata": call.nested("metadata")}
    customer = call.store.add("cus", "customer", call.account, fields)
    call.store.emit("customer.created", customer, call.account)
    return customer


@route("POST", "/setup_intents", "customer payment_method_types usage metadata")
def create_setup(call: Call) -> Object:
    customer = call.store.get("customer", call.text("customer"), call.account)
    setup = call.store.add(
        "seti",
        "setup_intent",
        call.account,
        {
            "client_secret": None,
            "customer": customer["id"],
            "last_setup_error": None,
            "metadata": call.nested("metadata"),
            "payment_method": None,
            "payment_method_types": call.params.get("payment_method_types", ["card"]),
            "status": "requires_payment_method",
            "usage": call.text("usage", default="off_session"),
        },
    )
    setup["client_secret"] = f"{setup['id']}_secret_{secrets.token_hex(8)}"
    return setup


@route("GET", "/setup_intents/{id}", "client_secret", payers=True)
def retrieve_setup(call: Call) -> Object:
    return call.find("setup_intent")


@route("GET", "/payment_methods/{id}")
def retrieve_method(call: Call) -> Object:
    return call.find("payment_method")


@route("POST", "/payment_methods/{id}/detach")
def detach_method(call: Call) -> Object:
    method = call.find("payment_method")
    if method["customer"] is None:
        raise ApiError(
            400,
            "The payment method you provided is not attached to a customer so detachment is impossible.",
        )
    method["customer"] = None
    call.store.emit("payment_method.detached", method, call.account)
    return method


def enter_card(store: Store, setup: Object, card: str) -> Any:
    """Save a card, as its owner does in Stripe's form."""
    account = store.account_of(setup["id"])
    method = store.add(
        "pm",
        "payment_method",
        account,
        {
            "type": "card",
            "customer": setup["customer"],
            "test_card": card,
            "card": {
                "brand": "visa",
                "exp_month": 12,
                "exp_year": 2034,
                "last4": CARDS[card].number[-4:],
            },
        },
    )
    setup.update(status="succeeded", payment_method=method["id"])
    store.emit("setup_intent.succeeded", setup, account)
    return method
