"""Search in Arabic and English: how texts are folded, what a product's document holds, what a query means.

Names carry their schema: `pg_restore` works these columns out with an empty search path.
"""

from django.db import migrations

# Arabic that differs only in how it is written is the same: harakat, tatweel, hamza seats (taken apart by
# NFKD), ta marbuta, alef maqsura, Persian letters and digits, the article, the plural in -at.
# Marks that steer direction go too.
FOLD = r"""
CREATE FUNCTION public.listings_fold(source text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT regexp_replace(regexp_replace(
    translate(
      regexp_replace(
        lower(normalize(source, NFKD)),
        '[\u0300-\u036f\u00ad\u0621\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]',
        '', 'g'
      ),
      E'\u0629\u0649\u0671\u06a9\u06cc\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669\u06f0\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6\u06f7\u06f8\u06f9\u066b\u066c\u2019\u2018',
      E'\u0647\u064a\u0627\u0643\u064a01234567890123456789..'
    ),
    '\m\u0648?\u0627\u0644([\u0627-\u064a]{3,})', '\1', 'g'
  ), '([\u0627-\u064a]{3})\u0627\u062a\M', '\1ه', 'g')
$$
"""

# "SM-G998B" is three things that people type: sm-g998b, g998b, smg998b.
SPLIT = r"""
CREATE FUNCTION public.listings_split(folded text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT regexp_replace(folded, '([[:alnum:]])[-_/.]+(?=[[:alnum:]])', '\1 ', 'g')
$$
"""
JOINED = r"""
CREATE FUNCTION public.listings_joined(folded text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT regexp_replace(folded, '([[:alnum:]])[-_/.]+(?=[[:alnum:]])', '\1', 'g')
$$
"""

# One configuration for both languages: ASCII words are stemmed as English, the others as Arabic.
WORDS = """
CREATE TEXT SEARCH CONFIGURATION public.listings_words (COPY = pg_catalog.arabic);
ALTER TEXT SEARCH CONFIGURATION public.listings_words
  ALTER MAPPING FOR asciiword, asciihword, hword_asciipart WITH pg_catalog.english_stem;
"""

# `simple` keeps words whole, for half-typed ones. The four weeks it was listed in are a word too, so that a search for something
# common can take the freshest matches and stop.
DOCUMENT = r"""
CREATE FUNCTION public.listings_search_document(
  title text, tags text[], category text, description text, created_at timestamptz
) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  folded constant text := public.listings_fold(title);
  split constant text := public.listings_split(folded);
BEGIN
  RETURN setweight(to_tsvector('public.listings_words', split), 'A')
    || setweight(to_tsvector('pg_catalog.simple', split || ' ' || public.listings_joined(folded)), 'A')
    || setweight(to_tsvector('public.listings_words', public.listings_split(public.listings_fold(array_to_string(tags, ' ')))), 'B')
    || setweight(to_tsvector('public.listings_words', public.listings_split(category)), 'C')
    || setweight(to_tsvector('public.listings_words', public.listings_split(public.listings_fold(description))), 'D')
    || array_to_tsvector(ARRAY['~' || floor(extract(epoch FROM created_at) / 2419200)::int]);
END
$$
"""

# What a person typed. Plain words are asked for by their stems, which every document has; a last word that no
# title has may be half a word. Fewer alternatives are quicker: GIN weighs each for every row it finds.
QUERY = r"""
CREATE FUNCTION public.listings_search_query(typed text) RETURNS tsquery
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
  folded constant text := public.listings_fold(typed);
  split constant text := public.listings_split(folded);
  joined constant text := public.listings_joined(folded);
  found tsquery := websearch_to_tsquery('public.listings_words', split);
  last_word text;
BEGIN
  IF numnode(found) = 0 THEN  -- nothing but "the" and its like
    found := websearch_to_tsquery('pg_catalog.simple', split);
  END IF;
  IF split ~ '(^|\s)-\S' OR position('"' IN split) > 0 THEN
    RETURN found;  -- an exclusion or a phrase is meant to the letter
  END IF;
  last_word := substring(split FROM '([[:alnum:]]{3,})$');
  IF last_word IS NOT NULL
    AND NOT EXISTS (SELECT FROM public.listings_searchword WHERE word = last_word)
  THEN
    found := found || (websearch_to_tsquery('pg_catalog.simple', split)::text || ':*')::tsquery;
  END IF;
  IF joined <> split THEN
    found := found || websearch_to_tsquery('pg_catalog.simple', joined);
  END IF;
  RETURN found;
END
$$
"""

COLUMN = """
ALTER TABLE listings_product ADD COLUMN search_document tsvector NOT NULL GENERATED ALWAYS AS (
  public.listings_search_document(title::text, tags::text[], category_id::text, description, created_at)
) STORED;
ALTER TABLE listings_product ALTER COLUMN search_document SET STATISTICS 1000;
CREATE INDEX product_search ON listings_product USING gin (search_document) WHERE status = 'active' AND NOT seller_closed;
"""


class Migration(migrations.Migration):
    dependencies = [("listings", "0002_categories")]
    operations = [
        migrations.RunSQL(FOLD, "DROP FUNCTION public.listings_fold"),
        migrations.RunSQL(SPLIT, "DROP FUNCTION public.listings_split"),
        migrations.RunSQL(JOINED, "DROP FUNCTION public.listings_joined"),
        migrations.RunSQL(WORDS, "DROP TEXT SEARCH CONFIGURATION public.listings_words"),
        migrations.RunSQL(DOCUMENT, "DROP FUNCTION public.listings_search_document"),
        migrations.RunSQL(QUERY, "DROP FUNCTION public.listings_search_query"),
        migrations.RunSQL(COLUMN, "ALTER TABLE listings_product DROP COLUMN search_document"),
    ]
