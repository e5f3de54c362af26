"""An SVG map of the Emirates for the admin, which shows a product's location without a map service.

The outlines are simplified and only serve for orientation; they don't claim to show exact borders.
"""

from math import cos, hypot, radians

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

Degrees = tuple[float, float]
"""Longitude and latitude, in the order of PostGIS."""

# The Gulf's coast from the Saudi border to Musandam, then down the Gulf of Oman.
COAST: tuple[Degrees, ...] = (
    (51.59, 24.25), (51.76, 24.26), (51.80, 24.04), (52.10, 23.96), (52.34, 24.01), (52.60, 24.19),
    (52.76, 24.12), (53.05, 24.13), (53.42, 24.10), (53.72, 24.05), (53.92, 24.12), (54.12, 24.18),
    (54.27, 24.35), (54.36, 24.49), (54.47, 24.47), (54.60, 24.62), (54.70, 24.80), (54.88, 24.93),
    (55.02, 25.02), (55.14, 25.10), (55.25, 25.24), (55.36, 25.35), (55.44, 25.43), (55.55, 25.58),
    (55.66, 25.58), (55.79, 25.72), (55.93, 25.80), (56.01, 25.89), (56.07, 26.06),
)  # fmt: skip
EAST_COAST: tuple[Degrees, ...] = (
    (56.27, 25.63), (56.36, 25.51), (56.36, 25.35), (56.37, 25.17), (56.37, 25.02), (56.39, 24.95),
)  # fmt: skip
NORTHERN_BORDER: tuple[Degrees, ...] = ((56.16, 25.99), (56.16, 25.72))
INLAND_BORDER: tuple[Degrees, ...] = (
    (56.20, 24.92), (56.12, 24.74), (56.03, 24.87), (55.83, 24.88), (55.79, 24.60), (55.83, 24.40),
    (55.75, 24.22), (55.97, 24.12), (55.90, 24.03), (55.56, 23.96), (55.52, 23.60), (55.42, 23.38),
    (55.22, 23.10), (55.20, 22.72), (55.10, 22.62), (54.99, 22.51), (52.01, 23.01), (51.62, 23.98),
)  # fmt: skip
LAND = COAST + NORTHERN_BORDER + EAST_COAST + INLAND_BORDER

# The seas up to the map's edge, without the part of Qatar on it, and the names around the Emirates.
GULF: tuple[Degrees, ...] = (
    (51.30, 24.40), *COAST, (56.16, 26.15), (56.20, 26.30), (51.30, 26.30), (51.30, 26.12), (51.40, 25.96),
    (51.57, 25.72), (51.50, 25.50), (51.54, 25.28), (51.62, 25.12), (51.57, 24.88), (51.42, 24.62),
    (51.30, 24.55),
)  # fmt: skip
GULF_OF_OMAN: tuple[Degrees, ...] = (
    (56.48, 26.30), (56.42, 26.10), (56.36, 25.93), *EAST_COAST, (56.48, 24.75), (56.63, 24.52),
    (56.74, 24.36), (56.92, 24.15), (57.30, 23.90), (57.30, 26.30),
)  # fmt: skip
NAMES: tuple[tuple[str, Degrees], ...] = (
    ("Arabian Gulf", (53.35, 25.00)),
    ("Gulf of Oman", (56.45, 25.72)),
    ("Saudi Arabia", (52.30, 22.68)),
    ("Oman", (56.15, 23.50)),
)

# Name, location, and the position of the label: the text anchor, and how many pixels lower.
CITIES: tuple[tuple[str, Degrees, str, int], ...] = (
    ("Abu Dhabi", (54.38, 24.45), "end", 0),
    ("Dubai", (55.28, 25.21), "end", 4),
    ("Sharjah", (55.39, 25.34), "end", 4),
    ("Ajman", (55.45, 25.41), "end", -2),
    ("Umm Al Quwain", (55.56, 25.56), "end", -2),
    ("Ras Al Khaimah", (55.95, 25.79), "end", 0),
    ("Fujairah", (56.34, 25.13), "start", 0),
    ("Al Ain", (55.74, 24.21), "start", 6),
)

_WEST, _NORTH = 51.3, 26.25
_PER_DEGREE = 118.0  # pixels per degree of latitude; a degree of longitude is shorter at this latitude
_PER_DEGREE_EAST = _PER_DEGREE * cos(radians(24.4))
_WIDTH, _HEIGHT, _EDGE = 640, 456, 5

# The inset in the corner: both locations enlarged, the exact one in the middle.
_LENS_X, _LENS_Y, _LENS_RADIUS = 112, 112, 84
_METRES_PER_DEGREE = 111_320.0


def render_map(exact: Degrees, public: Degrees) -> SafeString:
    """Return an SVG of the exact and the public location, on the map and enlarged in an inset."""
    x, y = _on_map(exact)
    east = (public[0] - exact[0]) * _METRES_PER_DEGREE * cos(radians(exact[1]))
    north = (public[1] - exact[1]) * _METRES_PER_DEGREE
    pixels_per_metre = (_LENS_RADIUS - 14) / settings.LOCATION_OFFSET_MAX_M
    drawing = {
        "width": _WIDTH,
        "height": _HEIGHT,
        "seas": [_path(GULF), _path(GULF_OF_OMAN)],
        "names": [_label(*name) for name in NAMES],
        "land": _path(LAND),
        "coasts": [_path(COAST), _path(EAST_COAST)],
        "cities": [_city(*city) for city in CITIES],
        "exact": {"x": x, "y": y, "text": f"{exact[1]:.5f}, {exact[0]:.5f}"},
        "public": {"text": f"{public[1]:.5f}, {public[0]:.5f}"},
        "metres": round(hypot(east, north)),
        "offset_max": settings.LOCATION_OFFSET_MAX_M,
        "lens": {
            "x": _LENS_X,
            "y": _LENS_Y,
            "radius": _LENS_RADIUS,
            "offset_radius": _LENS_RADIUS - 14,
            "public_x": round(_LENS_X + east * pixels_per_metre, 1),
            "public_y": round(_LENS_Y - north * pixels_per_metre, 1),
        },
    }
    return render_to_string("admin/emirates_map.html", drawing)


def _on_map(place: Degrees) -> tuple[float, float]:
    """Return the pixel of a location; one outside the map is moved to its edge."""
    x = (place[0] - _WEST) * _PER_DEGREE_EAST
    y = (_NORTH - place[1]) * _PER_DEGREE
    return (
        round(min(max(x, _EDGE), _WIDTH - _EDGE), 1),
        round(min(max(y, _EDGE), _HEIGHT - _EDGE), 1),
    )


def _path(places: tuple[Degrees, ...]) -> str:
    return " ".join(f"{x},{y}" for x, y in map(_on_map, places))


def _label(text: str, place: Degrees) -> dict[str, object]:
    x, y = _on_map(place)
    return {"text": text, "x": x, "y": y}


def _city(name: str, place: Degrees, side: str, lower: int) -> dict[str, object]:
    x, y = _on_map(place)
    return {
        "name": name,
        "x": x,
        "y": y,
        "side": side,
        "text_x": x + (7 if side == "start" else -7),
        "text_y": y + 4 + lower,
    }
