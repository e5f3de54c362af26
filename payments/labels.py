"""What a payment provider asks of a seller, as texts for people; the names are Stripe's."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# By the beginning of a name; the longest that fits is taken.
_TEXTS: dict[str, Promise] = {
    "business_type": _("Say whether you are a company or a freelancer"),
    "business_profile.mcc": _("Choose what kind of business you have"),
    "business_profile.product_description": _("Describe what you sell"),
    "business_profile.url": _("Enter a web page of your business"),
    "company.address": _("Enter the address of your business"),
    "company.name": _("Enter the name in your trade licence or permit"),
    "company.phone": _("Enter the phone number of your business"),
    "company.registration_number": _("Enter the number of your trade licence or freelancer permit"),
    "company.tax_id": _("Enter the number of your trade licence or freelancer permit"),
    "company.verification": _("Upload your trade licence or freelancer permit"),
    "documents": _("Upload your trade licence or freelancer permit"),
    "external_account": _("Enter the IBAN of your bank account"),
    "individual.address": _("Enter your address"),
    "individual.dob": _("Enter your date of birth"),
    "individual.first_name": _("Enter your name as in your passport"),
    "individual.last_name": _("Enter your name as in your passport"),
    "individual.id_number": _("Enter the number of your Emirates ID"),
    "individual.verification": _("Upload your passport or Emirates ID"),
    "owners": _("Name the owners of your business"),
    "representative": _("Say who represents your business"),
    "settings.payments.statement_descriptor": _("Choose what buyers read on their card statements"),
    "tos_acceptance": _("Accept the provider's terms"),
}
_OTHER = _("Answer a further question of the payment provider")


def requirement_text(name: str) -> Promise:
    """Return what a seller is to do about a requirement that a provider names."""
    # Of a person Stripe names the id first: person_1Abc.verification.document.
    if name.startswith("person_"):
        name = name.replace(name.partition(".")[0], "individual", 1)
    fitting = [start for start in _TEXTS if name == start or name.startswith(f"{start}.")]
    return _TEXTS[max(fitting, key=len)] if fitting else _OTHER
