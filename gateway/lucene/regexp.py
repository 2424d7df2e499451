"""Lucene's regular expressions (``org.apache.lucene.util.automaton.RegExp``) and wildcards, as languages.

    a|b  a&b  ~a          union, intersection, complement (of everything)
    a* a+ a? a{n} a{n,} a{n,m}
    [a-z] [^a-z] . @ #    characters, any one, any word, no word
    "text" \\c  <n-m>      literally, a number in a range
    \\d \\w \\s \\D \\W \\S     digits, word characters, white space (ASCII), and their opposites

A pattern always has to match the whole word; ``^`` and ``$`` are ordinary characters. What Lucene refuses is refused in its words; the
limits of size are our own.
"""

from __future__ import annotations

from typing import Final

from gateway.lucene import languages
from gateway.lucene.automaton import is_empty
from gateway.lucene.languages import Language, Ranges, Work

MAX_LENGTH: Final = 10_000
"""Of an expression in characters: far beyond any sane one."""
MAX_DEPTH: Final = 100
"""How deep groups may nest, so that neither parsing nor deriving exhausts the stack."""
MAX_REPEAT: Final = 1000
"""The most times that a ``{n,m}`` may repeat: more would only run into the other limits."""
MAX_SIZE: Final = 20_000
"""Characters after repetitions are written out."""

ALL: Final = frozenset({"ANYSTRING", "AUTOMATON", "COMPLEMENT", "EMPTY", "INTERSECTION", "INTERVAL"})
"""The optional operators. AUTOMATON, for automata by name, only changes how ``<name>`` is refused: there are none."""

_DIGITS: Final[Ranges] = ((0x30, 0x39),)
_SPACES: Final[Ranges] = ((0x09, 0x0A), (0x0D, 0x0D), (0x20, 0x20))
_WORD: Final[Ranges] = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_CLASSES: Final = {"d": _DIGITS, "s": _SPACES, "w": _WORD}
_CLASSES.update({letter.upper(): languages.outside(ranges) for letter, ranges in _CLASSES.items()})


class RegexpError(ValueError):
    """What is wrong with an expression, and where."""


def parse(expression: str, flags: frozenset[str] = ALL, ignore_case: bool = False, work: Work | None = None) -> Language:
    """The language of a regular expression. Raises ``RegexpError``, or ``TooComplexError``. ``work``: what it may cost."""
    if len(expression) > MAX_LENGTH:
        raise RegexpError(f"regular expression of [{len(expression)}] characters is longer than [{MAX_LENGTH}]")
    return _Parser(expression, flags, ignore_case, work).parse() if expression else languages.EMPTY_WORD


def parse_wildcard(pattern: str, ignore_case: bool = False) -> Language:
    """``*`` is any text, ``?`` any character, and a backslash takes the next character as it is."""
    parts: list[Language] = []
    letters = iter(pattern)
    for letter in letters:
        if letter == "*":
            if not (parts and parts[-1] is languages.ANY_WORD):
                parts.append(languages.ANY_WORD)
        elif letter == "?":
            parts.append(languages.ANY_CHAR)
        else:
            parts.append(languages.char(next(letters, "\\") if letter == "\\" else letter, ignore_case))
    return languages.concat(parts)


def wildcard_prefix(pattern: str) -> str:
    """The plain text before the first operator of a wildcard."""
    end = min((at for at in map(pattern.find, "*?\\") if at >= 0), default=len(pattern))
    return pattern[:end]


def regexp_prefix(pattern: str) -> str:
    """Plain text that every match of a regular expression begins with."""
    if "|" in pattern or "&" in pattern or "~" in pattern:
        return ""
    end = next((at for at, letter in enumerate(pattern) if not (letter.isalnum() or letter in "-_:/ ,;=!%'")), len(pattern))
    if end < len(pattern) and pattern[end] in "?*{+":
        end -= 1
    return pattern[: max(0, end)]


class _Parser:
    """Recursive descent: union, intersection, sequence, repetition, complement, and single things, from loose to tight."""

    def __init__(self, expression: str, flags: frozenset[str], ignore_case: bool, work: Work | None) -> None:
        self._text = expression
        self._flags = flags
        self._ignore_case = ignore_case
        self._stop = ")|&" if "INTERSECTION" in flags else ")|"
        self._at = 0
        self._depth = 0
        self._size = 0
        self._unknown: str | None = None
        self._work = Work() if work is None else work

    def parse(self) -> Language:
        found = self._union()
        if self._at < len(self._text):
            raise RegexpError(f"end-of-string expected at position {self._at}")
        if self._unknown is not None:
            raise RegexpError(f"'{self._unknown}' not found")
        return found

    def _peek(self, letters: str) -> bool:
        return self._at < len(self._text) and self._text[self._at] in letters

    def _take(self, letter: str) -> bool:
        if self._peek(letter):
            self._at += 1
            return True
        return False

    def _expect(self, letter: str) -> None:
        if not self._take(letter):
            raise RegexpError(f"expected '{letter}' at position {self._at}")

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise RegexpError("unexpected end-of-string")
        self._at += 1
        return self._text[self._at - 1]

    def _until(self, letter: str) -> str:
        end = self._text.find(letter, self._at)
        if end < 0:
            raise RegexpError(f"expected '{letter}' at position {len(self._text)}")
        inner, self._at = self._text[self._at : end], end + 1
        return inner

    def _union(self) -> Language:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RegexpError(f"regular expression is nested deeper than [{MAX_DEPTH}]")
        parts = [self._intersection()]
        while self._take("|"):
            parts.append(self._intersection())
        self._depth -= 1
        return languages.union(parts)

    def _intersection(self) -> Language:
        parts = [self._sequence()]
        while "INTERSECTION" in self._flags and self._take("&"):
            parts.append(self._sequence())
        return languages.intersection(parts) if len(parts) > 1 else parts[0]

    def _sequence(self) -> Language:
        parts = [self._repetition()]
        while self._at < len(self._text) and not self._peek(self._stop):
            parts.append(self._repetition())
        return languages.concat(parts)

    def _repetition(self) -> Language:
        before = self._size
        found = self._complement()
        while self._peek("?*+{"):
            operator = self._next()
            if operator == "?":
                found = languages.union([found, languages.EMPTY_WORD])
                continue
            low, high = (0, None) if operator == "*" else (1, None) if operator == "+" else self._bounds()
            if found is languages.NOTHING or (found.logical and is_empty(found, self._work)):
                # As in Lucene: without end nothing stays nothing, even ``*``, while ``{0,n}`` is the empty word.
                found = languages.NOTHING if low or high is None else languages.EMPTY_WORD
            else:
                self._size = before + max(1, self._size - before) * max(1, high if high is not None else low)
                if self._size > MAX_SIZE:
                    raise RegexpError(
                        f"regular expression has more than [{MAX_SIZE}] characters with its repetitions written out"
                    )
                if self._size > before + 1:
                    self._work.spend(3 * (self._size - before))  # a part that is written out costs some derivatives
                found = languages.repeat(found, low, high)
        return found

    def _bounds(self) -> tuple[int, int | None]:
        low = self._number()
        high: int | None = low
        if self._take(","):
            high = self._number() if self._peek("0123456789") else None
        self._expect("}")
        if high is not None and high < low:
            raise RegexpError(f"invalid repetition range(out of order): {low}..{high}")
        if max(low, high or 0) > MAX_REPEAT:
            raise RegexpError(f"a repetition of more than {MAX_REPEAT} times is not supported")
        return low, high

    def _number(self) -> int:
        start = self._at
        while self._peek("0123456789"):
            self._at += 1
        if start == self._at:
            raise RegexpError(f"integer expected at position {self._at}")
        return int(self._text[start : self._at][:10])

    def _complement(self) -> Language:
        negated = False
        while "COMPLEMENT" in self._flags and self._take("~"):
            negated = not negated
        found = self._class() if self._take("[") else self._simple()
        return languages.complement(found) if negated else found

    def _class(self) -> Language:
        negated = self._take("^")
        ranges: list[tuple[int, int]] = []
        while True:
            self._size += 1
            if self._peek("\\") and self._text[self._at + 1 : self._at + 2] in _CLASSES:
                ranges.extend(_CLASSES[self._text[self._at + 1]])
                self._at += 2
            else:
                ranges.extend(self._range())
            if self._at >= len(self._text):
                raise RegexpError(f"expected ']' at position {self._at}")
            if self._take("]"):
                return languages.chars(languages.outside(ranges) if negated else ranges)

    def _range(self) -> Ranges:
        if self._peek("\\"):
            self._check_escape(self._text[self._at + 1 : self._at + 2])
        low = high = self._letter()
        if self._take("-"):
            high = self._letter()
        if low > high:
            raise RegexpError(f"invalid range: from ({ord(low)}) cannot be > to ({ord(high)})")
        if self._ignore_case and low == high and low.isascii():
            return tuple((ord(form), ord(form)) for form in {low.lower(), low.upper()})
        return ((ord(low), ord(high)),)

    def _check_escape(self, letter: str) -> None:
        """Letters behind a backslash are kept for classes of characters."""
        if letter.isascii() and letter.isalpha():
            raise RegexpError(f"invalid character class \\{ord(letter)}")

    def _letter(self) -> str:
        self._take("\\")
        return self._next()

    def _simple(self) -> Language:
        self._size += 1
        letter = self._next()
        if letter == ".":
            return languages.ANY_CHAR
        if letter == "#" and "EMPTY" in self._flags:
            return languages.NOTHING
        if letter == "@" and "ANYSTRING" in self._flags:
            return languages.ANY_WORD
        if letter == '"':
            quoted = self._until('"')
            self._size += len(quoted)
            return languages.text(quoted, self._ignore_case)
        if letter == "(":
            if self._take(")"):
                return languages.EMPTY_WORD
            found = self._union()
            self._expect(")")
            return found
        if letter == "<" and ("INTERVAL" in self._flags or "AUTOMATON" in self._flags):
            return self._interval()
        if letter == "\\":
            letter = self._next()
            if letter in _CLASSES:
                return languages.chars(_CLASSES[letter])
            self._check_escape(letter)
        return languages.char(letter, self._ignore_case)

    def _interval(self) -> Language:
        low, dash, high = self._until(">").partition("-")
        if not dash and "AUTOMATON" in self._flags:
            # A named automaton, of which there are none; Lucene finds out when the rest has been parsed.
            self._unknown = self._unknown if self._unknown is not None else low
            return languages.NOTHING
        if not (low + high).isascii() or not (low.isdigit() and high.isdigit()) or max(len(low), len(high)) > 9:
            raise RegexpError(f"interval syntax error at position {self._at - 1}")
        return _interval(low, high)


def _interval(low: str, high: str) -> Language:
    """The numbers between two: in their width when it is the same, else with any leading zeros."""
    if int(low) > int(high):
        low, high = high, low
    if len(low) == len(high):
        return _decimals(low, high)
    low, high = low.lstrip("0") or "0", high.lstrip("0") or "0"
    parts = [
        _decimals(low if width == len(low) else "1" + "0" * (width - 1), high if width == len(high) else "9" * width)
        for width in range(len(low), len(high) + 1)
    ]
    return languages.concat([languages.star(languages.char("0")), languages.union(parts)])


def _decimals(low: str, high: str) -> Language:
    """The numbers from ``low`` to ``high``, both of the same width, in that width."""
    if not low:
        return languages.EMPTY_WORD
    if low[0] == high[0]:
        return languages.concat([languages.char(low[0]), _decimals(low[1:], high[1:])])
    rest = len(low) - 1
    parts = [
        languages.concat([languages.char(low[0]), _decimals(low[1:], "9" * rest)]),
        languages.concat([languages.char(high[0]), _decimals("0" * rest, high[1:])]),
    ]
    if ord(high[0]) - ord(low[0]) > 1:
        between = languages.chars([(ord(low[0]) + 1, ord(high[0]) - 1)])
        parts.append(languages.concat([between, *[languages.chars(_DIGITS)] * rest]))
    return languages.union(parts)
