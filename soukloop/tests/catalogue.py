"""The texts that the code marks for translation, and those of the Arabic catalogue."""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.utils.translation.template import templatize

from soukloop.core.domain import domain_apps

ROOT = Path(settings.BASE_DIR)
CATALOGUE = ROOT / "locale/ar/LC_MESSAGES/django.po"
_KEYWORDS = ("gettext_noop", "gettext_lazy", "ngettext_lazy:1,2", "pgettext:1c,2", "pgettext_lazy:1c,2")
_STRING = re.compile(r'^(?:(msgctxt|msgid|msgid_plural|msgstr|msgstr\[\d\]) )?"(.*)"$')


@dataclass
class Entry:
    """One entry of a catalogue: its text, its plural, its translations and its flags."""

    msgid: str = ""
    plural: str = ""
    context: str = ""
    translations: list[str] = field(default_factory=list)
    flags: str = ""
    place: str = ""


def extracted() -> list[Entry]:
    """Return the texts of all sources and templates, as `makemessages` finds them."""
    templates = [
        path
        for folder in _folders()
        for suffix in ("html", "txt")
        for path in sorted(folder.rglob(f"templates/**/*.{suffix}"))
    ]
    names = "\n".join(str(path.relative_to(ROOT)) for path in sources())
    found = _xgettext(["--files-from=-"], names)
    for path in templates:
        code = templatize(path.read_text(), origin=str(path))
        place = str(path.relative_to(ROOT))
        found += _xgettext(["-"], code, place)
    return found


def sources() -> list[Path]:
    """Return the source files whose texts are translated."""
    return [path for folder in _folders() for path in sorted(folder.rglob("*.py")) if _is_ours(path)]


def _folders() -> list[Path]:
    return [ROOT / "soukloop", *(Path(app.path) for app in domain_apps())]


def _is_ours(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return not {"tests", "testing", "migrations"} & set(parts)


def _xgettext(inputs: list[str], text: str, place: str = "") -> list[Entry]:
    command = [
        "xgettext",
        "--language=Python",
        "--from-code=UTF-8",
        "--output=-",
        "--add-comments=Translators",
    ]
    command += [f"--keyword={keyword}" for keyword in _KEYWORDS]
    result = subprocess.run(
        [*command, *inputs], input=text, capture_output=True, text=True, check=True, cwd=ROOT
    )
    entries = parse(result.stdout)
    for entry in entries:
        entry.place = place or entry.place
    return entries


def catalogue() -> list[Entry]:
    """Return the entries of the Arabic catalogue, without its header."""
    return parse(CATALOGUE.read_text())


def parse(text: str) -> list[Entry]:
    """Return the entries of a .po file that have a text."""
    entries: list[Entry] = []
    for block in re.split(r"\n\s*\n", text):
        entry, current = Entry(), ""
        values: dict[str, str] = {}
        for line in block.splitlines():
            if line.startswith("#,"):
                entry.flags += line[2:]
            elif line.startswith("#:"):
                entry.place = entry.place or line[2:].strip()
            elif found := _STRING.match(line):
                current = found[1] or current
                values[current] = values.get(current, "") + _unescaped(found[2])
        if not values.get("msgid"):
            continue
        entry.msgid, entry.plural = values["msgid"], values.get("msgid_plural", "")
        entry.context = values.get("msgctxt", "")
        entry.translations = [value for name, value in values.items() if name.startswith("msgstr")]
        entries.append(entry)
    return entries


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), text)
