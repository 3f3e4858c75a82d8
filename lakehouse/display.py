"""Makes untrusted text safe to show in a terminal, on a page, in a log or in a mail.

A message may hold anything: sequences that drive a terminal, characters that reverse the reading
direction, line breaks that forge a log line, or a formula that a spreadsheet would run.
"""

from __future__ import annotations

import re
import unicodedata

# What a spreadsheet takes for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)*([eE][+-]?[0-9]+)?%?")
# Controls, invisible formats (among them those that change the reading direction), halves of
# surrogate pairs, private use, unassigned, and the separators of lines and paragraphs.
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def printable(text: str, keep: str = "") -> str:
    r"""`text` with every character escaped that would do anything but show itself.

    Characters in `keep`, such as the line breaks of our own texts, are left alone.

    >>> printable("a\x1b[31m\u202eb\n")
    'a\\x1b[31m\\u202eb\\n'
    >>> printable("Größe 3 €, 你好")
    'Größe 3 €, 你好'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if character in keep or not is_hidden(character) else _escaped(character)
        for character in text
    )


def is_hidden(character: str) -> bool:
    """Whether a character controls the display instead of being shown."""
    return unicodedata.category(character) in _HIDDEN


def readable(raw: bytes | None) -> str:
    r"""A message as text; bytes that are not UTF-8 and hidden characters are escaped.

    >>> readable(b"caf\xc3\xa9 \xff\x1b[2J")
    'café \\xff\\x1b[2J'
    """
    return "" if raw is None else printable(raw.decode("utf-8", errors="backslashreplace"))


def csv_cell(text: str) -> str:
    r"""`text` for a CSV file that may be opened in a spreadsheet: printable, and never a formula.

    >>> [csv_cell(cell) for cell in ("=1+1", "@SUM(A1)", "-3.5", "plain")]
    ["'=1+1", "'@SUM(A1)", '-3.5', 'plain']
    """
    is_formula = text.startswith(FORMULA) and not _NUMBER.fullmatch(text)
    return ("'" if is_formula else "") + printable(text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", errors="backslashreplace").decode()
