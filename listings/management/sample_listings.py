"""Random but realistic listings from the Emirates, in English and Arabic."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

# Name, latitude, longitude, radius in metres, weight.
NEIGHBORHOODS = (
    ("Dubai Marina", 25.0772, 55.1369, 900, 10),
    ("JBR", 25.0780, 55.1330, 500, 5),
    ("Jumeirah Lake Towers", 25.0693, 55.1413, 800, 8),
    ("Palm Jumeirah", 25.1124, 55.1390, 1500, 4),
    ("Al Barsha", 25.1065, 55.2003, 1500, 6),
    ("Jumeirah Village Circle", 25.0590, 55.2090, 1300, 9),
    ("Business Bay", 25.1850, 55.2720, 1000, 7),
    ("Downtown Dubai", 25.2048, 55.2708, 900, 7),
    ("Jumeirah", 25.2050, 55.2400, 2000, 4),
    ("Deira", 25.2710, 55.3210, 1600, 7),
    ("Bur Dubai", 25.2530, 55.2960, 1200, 6),
    ("Mirdif", 25.2190, 55.4210, 1800, 5),
    ("Dubai Silicon Oasis", 25.1212, 55.3773, 1300, 5),
    ("Arabian Ranches", 25.0530, 55.2680, 1800, 3),
    ("International City", 25.1640, 55.4110, 1300, 4),
    ("Al Nahda", 25.2920, 55.3730, 1200, 5),
    ("Al Majaz", 25.3260, 55.3840, 1000, 6),
    ("Muwaileh", 25.3010, 55.4600, 1800, 5),
    ("Al Qasimia", 25.3500, 55.3970, 1200, 4),
    ("Ajman Corniche", 25.4130, 55.4350, 1200, 3),
    ("Al Nuaimiya", 25.3900, 55.4500, 1500, 4),
    ("Al Reem Island", 24.4990, 54.4050, 1300, 6),
    ("Khalidiyah", 24.4700, 54.3500, 1200, 4),
    ("Yas Island", 24.4880, 54.6070, 1800, 3),
    ("Khalifa City", 24.4200, 54.5760, 2300, 5),
    ("Mussafah", 24.3600, 54.5000, 2500, 3),
    ("Al Jimi", 24.2420, 55.7400, 2500, 3),
    ("Al Hamra Village", 25.6920, 55.7800, 1500, 2),
    ("Al Nakheel", 25.7950, 55.9650, 2000, 2),
    ("Fujairah City", 25.1288, 56.3265, 2200, 2),
    ("Umm Al Quwain Marina", 25.5640, 55.5550, 1800, 1),
)


@dataclass(frozen=True)
class Template:
    """The parts from which a category's listings are combined; `prices` are the lowest and highest in AED."""

    brands: tuple[str, ...]
    things: tuple[str, ...]
    details: tuple[str, ...]
    arabic: tuple[str, ...]
    prices: tuple[int, int]


TEMPLATES = {
    "trading_cards": Template(
        ("Pokemon", "Yu-Gi-Oh!", "Magic: The Gathering", "One Piece", "Topps Chrome", "Panini Prizm"),
        (
            "Booster Box",
            "Elite Trainer Box",
            "Charizard Holo",
            "Graded Card PSA 10",
            "Starter Deck",
            "Binder Lot",
        ),
        ("2025", "sealed", "Japanese", "first edition", "SV-151", "OP-09", "near mint", "rare pull"),
        ("بطاقات بوكيمون أصلية", "مجموعة بطاقات ون بيس", "بطاقة تشاريزارد نادرة", "صندوق بطاقات مختوم"),
        (40, 4000),
    ),
    "sneakers": Template(
        ("Nike", "Adidas", "New Balance", "Jordan", "Puma", "Asics", "Yeezy", "Converse"),
        (
            "Air Jordan 1 Retro High",
            "Air Max 90",
            "Dunk Low",
            "Samba OG",
            "550",
            "Gel-Kayano 14",
            "Boost 350 V2",
        ),
        ("size 42", "size 44", "size 39", "555088-101", "DD1391-100", "panda", "university blue", "with box"),
        ("حذاء نايك أصلي", "حذاء أديداس سامبا", "جوردن الإصدار الأول", "سنيكرز نيو بالانس"),
        (120, 3500),
    ),
    "electronics": Template(
        ("Apple", "Samsung", "Sony", "Xiaomi", "Huawei", "Bose", "Dell", "Canon"),
        (
            "iPhone 14 Pro Max",
            "Galaxy S24 Ultra",
            "WH-1000XM5",
            "MacBook Air M3",
            "iPad Pro",
            "XPS 13",
            "EOS R6",
        ),
        ("256GB", "512GB", "SM-G998B", "dual SIM", "with warranty", "battery 92%", "space grey", "boxed"),
        ("آيفون ١٤ برو ماكس", "هاتف سامسونج جالاكسي", "لابتوب ديل", "سماعات سوني لاسلكية", "كاميرا كانون"),
        (150, 7500),
    ),
    "gaming": Template(
        ("Sony", "Nintendo", "Microsoft", "Razer", "Logitech", "ASUS ROG"),
        ("PlayStation 5", "Switch OLED", "Xbox Series X", "DualSense Controller", "Gaming Chair", "RTX 4070"),
        ("disc edition", "two controllers", "CFI-1216A", "mechanical", "1TB", "with games", "like new"),
        ("بلايستيشن ٥ مع يدين", "نينتندو سويتش", "كرسي ألعاب مريح", "كمبيوتر ألعاب قوي"),
        (80, 6000),
    ),
    "watches_jewelry": Template(
        ("Rolex", "Omega", "Seiko", "Casio", "Tissot", "Cartier", "Damas"),
        (
            "Submariner",
            "Speedmaster",
            "Presage",
            "G-Shock GA-2100",
            "PRX Powermatic",
            "Love Bracelet",
            "Gold Ring 21K",
        ),
        ("full set", "2023", "41mm", "steel", "rose gold", "GA-2100-1A1", "with papers", "serviced"),
        ("ساعة رولكس أصلية", "خاتم ذهب عيار ٢١", "ساعة كاسيو رجالية", "طقم مجوهرات ألماس"),
        (150, 65000),
    ),
    "luxury_fashion": Template(
        ("Louis Vuitton", "Chanel", "Gucci", "Dior", "Prada", "Hermès", "Balenciaga"),
        (
            "Neverfull MM",
            "Classic Flap",
            "Marmont Belt",
            "Saddle Bag",
            "Re-Edition 2005",
            "Silk Scarf",
            "Abaya",
        ),
        ("authentic", "black caviar", "gold hardware", "with receipt", "M40995", "medium", "limited"),
        ("حقيبة شانيل أصلية", "عباية فاخرة", "حقيبة لويس فويتون", "نظارات غوتشي شمسية"),
        (200, 38000),
    ),
    "perfumes_oud": Template(
        ("Amouage", "Ajmal", "Rasasi", "Lattafa", "Tom Ford", "Swiss Arabian"),
        ("Oud Wood", "Interlude Man", "Bakhoor Set", "Khamrah", "Dehn Al Oud", "Oud Chips"),
        ("100ml", "50ml", "sealed", "Cambodian", "vintage bottle", "gift box", "decant"),
        ("دهن عود كمبودي", "بخور فاخر", "عطر أمواج رجالي", "مبخرة خشبية", "عود هندي معتق"),
        (35, 4500),
    ),
    "beauty": Template(
        ("Huda Beauty", "MAC", "Dyson", "The Ordinary", "La Mer", "Charlotte Tilbury"),
        (
            "Airwrap Complete",
            "Eyeshadow Palette",
            "Niacinamide Serum",
            "Matte Lipstick",
            "Moisturizing Cream",
        ),
        ("new", "HS-05", "full size", "shade 220", "travel kit", "unopened"),
        ("مجموعة مكياج كاملة", "كريم مرطب للبشرة", "مجفف شعر دايسون", "أحمر شفاه مات"),
        (20, 2500),
    ),
    "home_furniture": Template(
        ("IKEA", "Pottery Barn", "Home Centre", "PAN", "West Elm", "Nespresso"),
        (
            "L-Shaped Sofa",
            "Dining Table",
            "King Size Bed",
            "Bookshelf",
            "Coffee Machine",
            "Persian Carpet",
            "Majlis",
        ),
        ("grey", "solid wood", "6 chairs", "moving out", "KALLAX", "hand-made", "200x160"),
        ("كنب زاوية رمادي", "طاولة طعام خشب", "سجادة إيرانية يدوية", "مجلس عربي", "سرير مزدوج مع مرتبة"),
        (50, 9000),
    ),
    "baby_kids": Template(
        ("Bugaboo", "Chicco", "LEGO", "Graco", "Stokke", "Fisher-Price"),
        ("Stroller", "Car Seat", "High Chair", "Technic Set 42143", "Baby Cot", "Play Mat"),
        ("barely used", "0-12 months", "complete", "clean", "pink", "foldable"),
        ("عربة أطفال", "كرسي سيارة للأطفال", "ألعاب ليغو كاملة", "سرير أطفال خشبي"),
        (30, 3200),
    ),
    "sports_outdoors": Template(
        ("Decathlon", "Trek", "Garmin", "Coleman", "Wilson", "Giant"),
        ("Mountain Bike", "Fenix 7X", "Camping Tent", "Padel Racket", "Dumbbell Set", "Paddle Board"),
        ("size M", "27.5 inch", "4 person", "010-02541", "carbon", "with bag"),
        ("دراجة هوائية جبلية", "خيمة تخييم لأربعة أشخاص", "مضرب بادل", "أوزان حديد منزلية"),
        (40, 8500),
    ),
    "collectibles_art": Template(
        ("Hot Toys", "Funko Pop", "Antique", "Bandai", "Vintage", "Emirati"),
        (
            "Iron Man Figure",
            "Brass Dallah",
            "Oil Painting",
            "Stamp Album",
            "Gundam Model Kit",
            "Khanjar",
            "Coin Set",
        ),
        ("signed", "1971", "MG-100", "framed", "limited to 500", "rare", "certificate included"),
        (
            "دلة نحاس قديمة",
            "لوحة زيتية للصحراء",
            "طوابع إماراتية نادرة",
            "خنجر عماني فضة",
            "عملات معدنية قديمة",
        ),
        (50, 15000),
    ),
}

_DESCRIPTIONS = (
    "Selling because we are moving out. Smoke-free home, collection preferred.",
    "Bought last year from the mall, used a few times only. Price slightly negotiable.",
    "Original box and receipt included. Can meet near the metro or deliver for a small fee.",
    "In very good condition, no scratches. Serious buyers only, no lowball please.",
    "Unwanted gift, never opened. First come, first served.",
    "استعمال خفيف جدا والحالة ممتازة. التسليم في نفس المنطقة.",
    "جديد بالكرتون مع الفاتورة، السعر قابل للتفاوض البسيط.",
    "للبيع لعدم الحاجة، نظيف جدا. التواصل للجادين فقط.",
)
_ARABIC_DETAILS = ("جديد", "مستعمل نظيف", "بحالة ممتازة", "مع الضمان", "أصلي", "للبيع", "سعر مغري", "نادر")
_CONDITIONS = ("new", "like_new", "good", "fair")


@dataclass(frozen=True, slots=True)
class Listing:
    title: str
    description: str
    price: Decimal
    category: str
    condition: str
    feed_type: str
    latitude: float
    longitude: float
    neighborhood: str
    tags: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Home:
    neighborhood: str
    latitude: float
    longitude: float


def random_homes(rng: random.Random) -> Iterator[Home]:
    """Yield random homes, more often in populous neighbourhoods."""
    weights = [place[4] for place in NEIGHBORHOODS]
    while True:
        name, latitude, longitude, spread, _ = rng.choices(NEIGHBORHOODS, weights)[0]
        yield Home(
            name,
            round(rng.gauss(latitude, spread / 111_320), 6),
            round(rng.gauss(longitude, spread / 101_000), 6),
        )


def random_listings(
    rng: random.Random, sellers_homes: list[Home], *, count: int, first: datetime, last: datetime
) -> Iterator[tuple[int, Listing]]:
    """Yield `count` pairs of a seller's index and a listing, oldest first."""
    slugs = tuple(TEMPLATES)
    weights = (6, 12, 16, 8, 7, 8, 6, 7, 12, 7, 6, 5)
    step = (last - first) / max(1, count)
    for number in range(count):
        slug = rng.choices(slugs, weights)[0]
        template = TEMPLATES[slug]
        seller = rng.randrange(len(sellers_homes))
        home = sellers_homes[seller]
        brand, detail = rng.choice(template.brands), rng.choice(template.details)
        if rng.random() < 0.3:
            title = f"{rng.choice(template.arabic)} {rng.choice(_ARABIC_DETAILS)}"
            if rng.random() < 0.5:
                title = f"{title} {rng.choice(template.details)}"
        else:
            title = f"{brand} {rng.choice(template.things)} {detail}"
        if rng.random() < 0.12:
            title = f"{title} {rng.choice('ABCDGKMRSX')}{rng.choice('CDKTX')}{rng.randrange(1000, 9999)}"
        low, high = template.prices
        price = Decimal(low * (high / low) ** (rng.random() ** 1.6)).quantize(Decimal("0.01"))
        if rng.random() < 0.85:
            price = price.quantize(Decimal(1)).quantize(Decimal("0.01"))
        yield (
            seller,
            Listing(
                title,
                " ".join(rng.sample(_DESCRIPTIONS, rng.randrange(1, 4))),
                price,
                slug,
                rng.choice(_CONDITIONS),
                "community" if rng.random() < 0.6 else "discover",
                home.latitude,
                home.longitude,
                home.neighborhood,
                (slug, brand.lower().split(" ")[0]),
                first + step * number + timedelta(microseconds=rng.randrange(1000)),
            ),
        )
