"""Searching people by the words of their username and name, in Arabic and English."""

from django.db import migrations

# Arabic that differs only in how it is written is the same: harakat, tatweel, hamza seats (taken apart by
# NFKD), ta marbuta, alef maqsura, Persian letters. What is neither letter nor digit separates words; each word
# has a space before it, by which a search finds its beginning. Names carry their schema: `pg_restore` fills
# the index with an empty search path. Not in the language SQL, whose functions the planner inlines, and with its
# cost: for two letters it would read the whole table otherwise, which took 4 s with 500,000 people.
SEARCH_TEXT = r"""
CREATE FUNCTION public.accounts_search_text(source text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS $$
BEGIN
  RETURN ' ' || regexp_replace(
    translate(
      regexp_replace(
        lower(normalize(source, NFKD)),
        '[\u0300-\u036f\u00ad\u0621\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]',
        '', 'g'
      ),
      E'\u0629\u0649\u0671\u06a9\u06cc\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669\u06f0\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6\u06f7\u06f8\u06f9',
      E'\u0647\u064a\u0627\u0643\u064a01234567890123456789'
    ),
    '[^[:alnum:]]+', ' ', 'g'
  );
END
$$
"""
INDEX = """
CREATE INDEX user_search ON public.accounts_user
USING gin ((public.accounts_search_text(username || ' ' || full_name)) public.gin_trgm_ops)
WHERE is_active
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_language_default")]

    operations = [
        migrations.RunSQL(SEARCH_TEXT, "DROP FUNCTION public.accounts_search_text"),
        migrations.RunSQL(INDEX, "DROP INDEX public.user_search"),
    ]
