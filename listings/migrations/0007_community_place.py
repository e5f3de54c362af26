"""The Community feed's own index of places: it need not look at what is in Discover, half of a crowded place."""

from django.db import migrations

INDEX = """
CREATE INDEX product_place_community ON listings_product USING gist (public_xyz gist_geometry_ops_nd)
  WHERE status = 'active' AND NOT seller_closed AND feed_type = 'community';
"""


class Migration(migrations.Migration):
    dependencies = [("listings", "0006_category")]
    operations = [migrations.RunSQL(INDEX, "DROP INDEX product_place_community")]
