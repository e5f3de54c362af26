"""The 12 categories."""

from django.db import migrations

CATEGORIES = [
    ("trading_cards", "Trading Card Games", "بطاقات التداول", "🎴", "#9333EA", "#EC4899"),
    ("sneakers", "Sneakers & Streetwear", "أحذية رياضية وأزياء الشارع", "👟", "#F97316", "#EF4444"),
    ("electronics", "Phones & Electronics", "هواتف وإلكترونيات", "📱", "#2563EB", "#06B6D4"),
    ("gaming", "Gaming & Consoles", "ألعاب الفيديو", "🎮", "#4F46E5", "#8B5CF6"),
    ("watches_jewelry", "Watches & Jewelry", "ساعات ومجوهرات", "⌚", "#B45309", "#FACC15"),
    ("luxury_fashion", "Luxury Bags & Fashion", "حقائب وأزياء فاخرة", "👜", "#BE185D", "#F9A8D4"),
    ("perfumes_oud", "Perfumes & Oud", "عطور وعود", "🪔", "#92400E", "#F59E0B"),
    ("beauty", "Beauty & Skincare", "جمال وعناية بالبشرة", "💄", "#DB2777", "#FB7185"),
    ("home_furniture", "Home & Furniture", "منزل وأثاث", "🛋️", "#047857", "#84CC16"),
    ("baby_kids", "Baby & Kids", "أطفال ورضع", "🧸", "#0EA5E9", "#A7F3D0"),
    ("sports_outdoors", "Sports & Outdoors", "رياضة ورحلات", "🏕️", "#15803D", "#22D3EE"),
    ("collectibles_art", "Collectibles & Art", "مقتنيات وفنون", "🏺", "#7C3AED", "#F472B6"),
]


def add(apps, schema_editor):
    category = apps.get_model("listings", "Category")
    category.objects.bulk_create(
        category(
            slug=slug,
            name=name,
            name_ar=name_ar,
            icon=icon,
            color=color,
            secondary_color=secondary,
            position=position,
        )
        for position, (slug, name, name_ar, icon, color, secondary) in enumerate(CATEGORIES, start=1)
    )


class Migration(migrations.Migration):
    dependencies = [("listings", "0001_initial")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
