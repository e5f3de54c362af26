"""A tokenizer of Dart, enough to check the shape of a file without a Dart toolchain."""

import re

_TOKEN = re.compile(
    r"""
      (?P<comment>//[^\n]*|/\*.*?\*/)
    | (?P<string>r?'(?:\\.|[^'\\\n])*'|r?"(?:\\.|[^"\\\n])*")
    | (?P<word>[A-Za-z_$][\w$]*)
    | (?P<number>\d[\w.]*)
    | (?P<open>[(\[{])
    | (?P<close>[)\]}])
    | (?P<space>\s+)
    | (?P<sign>[-+*/%=<>!?.,:;&|^~@\#])
    """,
    re.VERBOSE | re.DOTALL,
)
_PAIRS = {")": "(", "]": "[", "}": "{"}


def tokens_of(source: str) -> list[tuple[str, str]]:
    """Return the tokens as (kind, text), without space and comments; raises ValueError at what is none."""
    found, position = [], 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            line = source.count("\n", 0, position) + 1
            raise ValueError(f"line {line}: {source[position : position + 20]!r}")
        position = match.end()
        if match.lastgroup not in ("space", "comment"):
            found.append((str(match.lastgroup), match.group()))
    return found


def assert_balanced(tokens: list[tuple[str, str]]) -> None:
    """Fail unless every bracket is closed by its like, and strings' interpolations are closed too."""
    opened: list[str] = []
    for kind, text in tokens:
        if kind == "open":
            opened.append(text)
        elif kind == "close":
            assert opened, f"nothing is open at {text}"
            assert opened.pop() == _PAIRS[text], f"closed by {text}"
        elif kind == "string":
            assert text.count("${") <= text.count("}"), text
    assert not opened, f"not closed: {opened}"
