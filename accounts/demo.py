"""Demo people, each with a home in the Emirates."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.gis.geos import Point

from accounts.models import Follow, User
from soukloop.core.db.clock import database_now


@dataclass(frozen=True)
class Person:
    username: str
    full_name: str
    role: str
    phone: str
    neighborhood: str
    latitude: float
    longitude: float
    bio: str = ""
    password: str = "Test123!@#"  # noqa: S105 - printed by seed_demo

    @property
    def email(self) -> str:
        return f"{self.username}@soukloop.com"


# Not named testbuyer and testseller: the contract's first step registers those on a server with demo data.
BUYER = Person("demobuyer", "Dana Buyer", "buyer", "+971501000001", "Dubai Marina", 25.0805, 55.1403)
SELLER = Person(
    "demoseller",
    "Sami Seller",
    "seller",
    "+971501000002",
    "Jumeirah Lake Towers",
    25.0693,
    55.1413,
    bio="Sneakers and trading cards. Live most evenings.",
    password="Seller123!@#",  # noqa: S106
)
ADMIN = Person(
    "admin",
    "Souk Loop Staff",
    "buyer",
    "+971501000003",
    "Downtown Dubai",
    25.1972,
    55.2744,
    password="Admin123!@#",  # noqa: S106
)
NEIGHBOURS = (
    Person("layla.m", "Layla Mansour", "seller", "+971501000011", "JBR", 25.0780, 55.1340, "Vintage bags."),
    Person("omar_h", "Omar Haddad", "seller", "+971501000012", "Al Barsha", 25.1125, 55.2003, "Cameras."),
    Person("noor.k", "نور الكتبي", "seller", "+971501000013", "Al Qusais", 25.2706, 55.3842, "عطور وعود"),
    Person("priya.r", "Priya Raman", "seller", "+971501000014", "Bur Dubai", 25.2582, 55.2962, "Sarees."),
    Person("yousef", "Yousef Al Ali", "buyer", "+971501000015", "Al Majaz, Sharjah", 25.3285, 55.3837),
    Person("mei.lin", "Mei Lin", "buyer", "+971501000016", "International City", 25.1650, 55.4080),
    Person("fatima_z", "Fatima Zayed", "buyer", "+971501000017", "Khalifa City, Abu Dhabi", 24.4207, 54.5772),
    Person("karim.b", "Karim Benali", "buyer", "+971501000018", "Business Bay", 25.1857, 55.2719),
)
PEOPLE = (BUYER, SELLER, ADMIN, *NEIGHBOURS)


_LOGINS = ((SELLER, "sells, goes live"), (BUYER, "buys, watches"), (ADMIN, "staff: /admin"))


def seed() -> Sequence[str]:
    """Add the demo people that are missing; return lines for the terminal that list their logins."""
    seed_people()
    return [f"{person.email:<26}{person.password:<14}{use}" for person, use in _LOGINS]


def demo_people() -> list[User]:
    """Return the demo people that exist, in the order of PEOPLE."""
    emails = [person.email for person in PEOPLE]
    users = {user.email: user for user in User.objects.filter(email__in=emails)}
    return [users[email] for email in emails if email in users]


def seed_people() -> list[User]:
    """Create the demo people that are missing, make the buyers follow the sellers, and return all of them."""
    users = [_seed_person(person) for person in PEOPLE]
    sellers = [user for user in users if user.role == User.Role.SELLER]
    buyers = [user for user in users if user.role == User.Role.BUYER and not user.is_staff]
    follows = [Follow(follower=buyer, followed=seller) for buyer in buyers for seller in sellers]
    Follow.objects.bulk_create(follows, ignore_conflicts=True)
    return users


def _seed_person(person: Person) -> User:
    user = User.objects.filter(email=person.email).first()
    if user is not None:
        return user
    user = User(
        email=person.email,
        username=person.username,
        phone=person.phone,
        full_name=person.full_name,
        role=person.role,
        bio=person.bio,
        neighborhood=person.neighborhood,
        location=Point(person.longitude, person.latitude, srid=4326),
        email_confirmed_at=database_now(),
        email_has_proven_owner=True,
        phone_confirmed_at=database_now(),
        phone_has_proven_owner=True,
        is_staff=person is ADMIN,
        is_superuser=person is ADMIN,
    )
    user.set_password(person.password)
    user.save()
    return user
