"""Search: a number and its unit however they are typed, and the categories by their names and synonyms.

The texts of all products are indexed again. Names carry their schema: `pg_restore` works the generated columns
out with an empty search path.
"""

from importlib import import_module

import django.contrib.postgres.fields
from django.db import migrations, models

before = import_module("listings.migrations.0003_search")

# What people search for, in English and Arabic; the official names come first.
NAMES = {
    "trading_cards": ("Trading Card Games", "بطاقات التداول", "Trading cards", "بطاقات تداول", "كروت"),
    "sneakers": (
        "Sneakers & Streetwear", "أحذية رياضية وأزياء الشارع", "Sneakers", "Streetwear", "Sports shoes",
        "أحذية رياضية", "أحذية", "سنيكرز", "ملابس الشارع",
    ),
    "electronics": (
        "Phones & Electronics", "هواتف وإلكترونيات", "Phones", "Mobile phones", "Electronics",
        "هواتف", "هاتف", "هواتف محمولة", "جوالات", "جوال", "موبايلات", "موبايل", "إلكترونيات",
    ),
    "gaming": (
        "Gaming & Consoles", "ألعاب الفيديو", "Gaming", "Game consoles", "Consoles", "Video games",
        "ألعاب فيديو", "أجهزة ألعاب",
    ),
    "watches_jewelry": (
        "Watches & Jewelry", "ساعات ومجوهرات", "Watches", "Jewelry", "Jewellery", "ساعات", "مجوهرات", "حلي",
    ),
    "luxury_fashion": (
        "Luxury Bags & Fashion", "حقائب وأزياء فاخرة", "Luxury bags", "Handbags", "Fashion",
        "حقائب", "شنط", "أزياء", "أزياء فاخرة",
    ),
    "perfumes_oud": (
        "Perfumes & Oud", "عطور وعود", "Perfumes", "Fragrances", "Oud", "عطور", "عطر", "عود", "بخور",
    ),
    "beauty": (
        "Beauty & Skincare", "جمال وعناية بالبشرة", "Beauty", "Skincare", "Makeup", "Cosmetics",
        "عناية بالبشرة", "جمال", "مكياج", "مستحضرات تجميل",
    ),
    "home_furniture": (
        "Home & Furniture", "منزل وأثاث", "Furniture", "Home decor", "أثاث", "أثاث منزلي", "مفروشات",
    ),
    "baby_kids": ("Baby & Kids", "أطفال ورضع", "Baby", "Kids", "Children", "أطفال", "رضع", "مواليد"),
    "sports_outdoors": (
        "Sports & Outdoors", "رياضة ورحلات", "Sports", "Outdoors", "رياضة", "رحلات", "معدات رياضية", "تخييم",
    ),
    "collectibles_art": (
        "Collectibles & Art", "مقتنيات وفنون", "Collectibles", "Antiques", "Art", "مقتنيات", "فنون", "تحف",
        "أنتيكات", "لوحات فنية",
    ),
}  # fmt: skip

# Unit → the other ways to write it, as `listings_fold` leaves them.
LATIN = {
    "gb": "gigabytes?|gigs?",
    "tb": "terabytes?",
    "mb": "megabytes?",
    "kg": "kilograms?|kilos?|kgs",
    "g": "grams?|gms?",
    "ml": "millilit(?:er|re)s?",
    "l": "lit(?:er|re)s?|ltrs?",
    "cm": "centimet(?:er|re)s?|cms",
    "mm": "millimet(?:er|re)s?",
    "km": "kilomet(?:er|re)s?",
    "m": "met(?:er|re)s?",
    "inch": "inches",
    "oz": "ounces?",
    "w": "watts?",
    "v": "volts?",
    "hz": "hertz",
    "mp": "megapixels?",
}
ARABIC = {
    "gb": "(?:جيجا|غيغا|قيقا) ?(?:بايت)?|جب",
    "tb": "تيرا ?(?:بايت)?",
    "mp": "(?:ميجا|ميغا) ?(?:بكسل|بيكسل)",
    "mb": "(?:ميجا|ميغا) ?(?:بايت)?",
    "km": "كيلو ?متر|كم",
    "kw": "كيلو ?(?:واط|وات)",
    "kg": "كيلو ?(?:غرام|جرام)?|كجم|كغم|كغ",
    "g": "غرامه?|جرامه?|غم|جم",
    "mah": "(?:مللي|ملي|مل) ?امبير",
    "mm": "(?:مللي|ملي) ?متر|ملم",
    "ml": "(?:مللي|ملي) ?لتر|مللي|ملي|مل",
    "l": "لتر|ليتر",
    "cm": "سنتي ?متر|سنتي|سم",
    "m": "متر",
    "inch": "بوصه|انش|انج",
    "w": "واط|وات",
    "v": "فولت",
    "hz": "هرتز",
}
OTHERS = {"kb", "mg", "cl", "lb", "lbs", "ft", "ah", "wh", "khz", "mhz", "ghz", "k", "px", "fps"}
UNITS = "|".join(sorted({*LATIN, *ARABIC, *OTHERS}))
GAP = "(?:[[:space:]]+|[-_])?"


def _write_in_one_way(units):
    return "\n".join(
        rf"    measured := regexp_replace(measured, '\m([0-9]+){GAP}(?:{ways})\M', '\1{unit}', 'g');"
        for unit, ways in units.items()
    )


# "256 GB", "256-gb" and "٢٥٦ جيجابايت" become "256gb". Few texts write a unit in another way, so that is looked at first.
MEASURED = rf"""
CREATE FUNCTION public.listings_measured(folded text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  measured text := folded;
BEGIN
  IF folded !~ '[0-9]' THEN
    RETURN folded;
  END IF;
  measured := regexp_replace(measured, '\m([0-9]+)in\M', '\1inch', 'g');
  IF folded ~ '[0-9]{GAP}(?:{"|".join(LATIN.values())})\M' THEN
{_write_in_one_way(LATIN)}
  END IF;
  IF folded ~ '[0-9]{GAP}(?:{"|".join(ARABIC.values())})\M' THEN
{_write_in_one_way(ARABIC)}
  END IF;
  RETURN regexp_replace(measured, '\m([0-9]+)(?:[[:space:]]+|[-_])({UNITS})\M', '\1\2', 'g');
END
$$
"""

# "256 gb" for a text with "256gb", for those who search for the number alone.
NUMBERS = rf"""
CREATE FUNCTION public.listings_numbers_of_measures(measured text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN measured ~ '[0-9]' THEN coalesce((
    SELECT string_agg(found[1] || ' ' || found[2], ' ')
    FROM regexp_matches(measured, '\m([0-9]+)({UNITS})\M', 'g') AS found
  ), '') ELSE '' END
$$
"""

DOCUMENT = r"""
CREATE OR REPLACE FUNCTION public.listings_search_document(
  title text, tags text[], category text, description text, created_at timestamptz
) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  folded constant text := public.listings_fold(title);
  measured constant text := public.listings_measured(folded);
  split constant text := public.listings_split(measured);
  measured_tags constant text := public.listings_measured(public.listings_fold(array_to_string(tags, ' ')));
  measured_description constant text := public.listings_measured(public.listings_fold(description));
  parts text := split || ' ' || public.listings_joined(measured);
BEGIN
  IF measured <> folded THEN
    parts := parts || ' ' || public.listings_split(folded);
  END IF;
  RETURN setweight(to_tsvector('public.listings_words', split), 'A')
    || setweight(to_tsvector('pg_catalog.simple', parts || ' ' || public.listings_numbers_of_measures(measured)), 'A')
    || setweight(to_tsvector('public.listings_words', public.listings_split(measured_tags)
         || ' ' || public.listings_numbers_of_measures(measured_tags)), 'B')
    || setweight(to_tsvector('public.listings_words', public.listings_split(category)), 'C')
    || setweight(to_tsvector('public.listings_words', public.listings_split(measured_description)
         || ' ' || public.listings_numbers_of_measures(measured_description)), 'D')
    || array_to_tsvector(ARRAY['~' || floor(extract(epoch FROM created_at) / 2419200)::int, '~' || category]);
END
$$
"""

# A category that was named is found by the word "~" and its slug, which each of its products has.
QUERY = r"""
CREATE OR REPLACE FUNCTION public.listings_search_query(typed text) RETURNS tsquery
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
  folded constant text := public.listings_fold(typed);
  measured constant text := public.listings_measured(folded);
  split constant text := public.listings_split(measured);
  joined constant text := public.listings_joined(measured);
  found tsquery := websearch_to_tsquery('public.listings_words', split);
  last_word text;
  named record;
  is_category boolean := false;
BEGIN
  IF numnode(found) = 0 THEN  -- nothing but "the" and its like
    found := websearch_to_tsquery('pg_catalog.simple', split);
  END IF;
  IF split ~ '(^|\s)-\S' OR position('"' IN split) > 0 THEN
    RETURN found;  -- an exclusion or a phrase is meant to the letter
  END IF;
  FOR named IN
    SELECT quote_literal('~' || slug)::tsquery AS category, target
    FROM public.listings_category, unnest(search_targets) AS target
    WHERE found @> target ORDER BY numnode(target) DESC
  LOOP
    found := ts_rewrite(found, named.target, named.target || named.category);
    is_category := true;
  END LOOP;
  last_word := substring(split FROM '([[:alnum:]]{3,})$');
  IF last_word IS NOT NULL AND NOT is_category
    AND NOT EXISTS (SELECT FROM public.listings_searchword WHERE word = last_word)
  THEN
    found := found || (websearch_to_tsquery('pg_catalog.simple', split)::text || ':*')::tsquery;
  END IF;
  IF joined <> split THEN
    found := found || websearch_to_tsquery('pg_catalog.simple', joined);
  END IF;
  IF measured <> folded AND measured ~ '\m[0-9]+[gklmvw]\M' THEN  -- "shirt 42 M" is a size
    found := found || websearch_to_tsquery('public.listings_words', public.listings_split(folded));
  END IF;
  RETURN found;
END
$$
"""

# The names as suggestions compare them, and as searches look for them in what was typed.
TARGETS = """
CREATE FUNCTION public.listings_fold_each(names text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT array_agg(public.listings_fold(name) ORDER BY place) FROM unnest(names) WITH ORDINALITY AS n(name, place)
$$;
CREATE FUNCTION public.listings_targets(names text[]) RETURNS tsquery[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT array_agg(DISTINCT plainto_tsquery('public.listings_words', public.listings_split(public.listings_fold(name))))
  FROM unnest(names) AS name
$$;
ALTER TABLE listings_category
  ADD COLUMN search_keys text[] GENERATED ALWAYS AS (public.listings_fold_each(search_names::text[])) STORED,
  ADD COLUMN search_targets tsquery[] GENERATED ALWAYS AS (public.listings_targets(search_names::text[])) STORED
"""
DROP_TARGETS = """
ALTER TABLE listings_category DROP COLUMN search_keys, DROP COLUMN search_targets;
DROP FUNCTION public.listings_fold_each;
DROP FUNCTION public.listings_targets
"""

DROP_COLUMN = """
SET LOCAL statement_timeout = 0;
ALTER TABLE listings_product DROP COLUMN search_document
"""
# Without statistics of the new column, searches would be planned badly until the next automatic ANALYZE.
COLUMN = before.COLUMN + "ANALYZE listings_product"


def _replaced(sql):
    return sql.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)


def add_names(apps, schema_editor):
    category = apps.get_model("listings", "Category")
    for slug, names in NAMES.items():
        category.objects.filter(pk=slug).update(search_names=list(names))


class Migration(migrations.Migration):
    dependencies = [("listings", "0008_inactive_products")]
    operations = [
        migrations.AddField(
            model_name="category",
            name="search_names",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=60),
                default=list,
                help_text="Names by which searches find the category",
                size=None,
            ),
        ),
        migrations.RunPython(add_names, migrations.RunPython.noop),
        migrations.RunSQL(TARGETS, DROP_TARGETS),
        migrations.RunSQL(MEASURED, "DROP FUNCTION public.listings_measured"),
        migrations.RunSQL(NUMBERS, "DROP FUNCTION public.listings_numbers_of_measures"),
        migrations.RunSQL(DROP_COLUMN, COLUMN),
        migrations.RunSQL(DOCUMENT, _replaced(before.DOCUMENT)),
        migrations.RunSQL(QUERY, _replaced(before.QUERY)),
        migrations.RunSQL(COLUMN, DROP_COLUMN),
    ]
