"""Lucene's regular expressions and wildcards as languages (automaton.py). A pattern always has to match the whole term."""

from __future__ import annotations

from typing import Final

from gateway.backends.memory.queries import automaton
from gateway.backends.memory.queries.automaton import Language, Ranges
from protocol.errors import ElasticsearchException

MAX_REPEAT: Final = 1000
"""The most times that a ``{n,m}`` may repeat: longer ones would only run into the limit of states."""
MAX_DEPTH: Final = 200
"""How deep groups may nest, so that parsing cannot exhaust the stack."""

_FLAGS: Final = frozenset({"ALL", "ANYSTRING", "COMPLEMENT", "EMPTY", "INTERSECTION", "INTERVAL", "NONE"})
_DIGITS: Final[Ranges] = ((0x30, 0x39),)
_SPACES: Final[Ranges] = ((0x09, 0x0A), (0x0D, 0x0D), (0x20, 0x20))
_WORD: Final[Ranges] = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_CLASSES: Final = {"d": _DIGITS, "s": _SPACES, "w": _WORD}


def wildcard_language(pattern: str, ignore_case: bool = False) -> Language:
    """``*`` is any text, ``?`` any character, and a backslash takes the next character as it is."""
    parts: list[Language] = []
    letters = iter(pattern)
    for letter in letters:
        if letter == "*":
            parts.append(automaton.ANY_STRING)
        elif letter == "?":
            parts.append(automaton.ANY_CHAR)
        else:
            parts.append(automaton.char(next(letters, "\\") if letter == "\\" else letter, ignore_case))
    return automaton.sequence(parts)


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


def parse_flags(flags: str) -> frozenset[str]:
    """The flags of a regexp query, as ``INTERSECTION|EMPTY``. Raises ElasticsearchException (illegal_argument_exception)."""
    found = {flag.strip().upper() for flag in flags.split("|") if flag.strip()}
    for flag in found - _FLAGS:
        raise ElasticsearchException("illegal_argument_exception", f"Unknown regexp flag [{flag}]", status=400)
    if "ALL" in found:
        return _FLAGS
    return frozenset() if "NONE" in found else frozenset(found)


def regexp_language(pattern: str, flags: frozenset[str] = _FLAGS, ignore_case: bool = False) -> Language:
    """The language of a regular expression. Raises ElasticsearchException (illegal_argument_exception)."""
    return _Parser(pattern, flags, ignore_case).parse() if pattern else automaton.EMPTY


class _Parser:
    """Recursive descent: union, intersection, sequence, repetition, complement, and single things, from loose to tight."""

    def __init__(self, pattern: str, flags: frozenset[str], ignore_case: bool) -> None:
        self._text = pattern
        self._flags = flags
        self._ignore_case = ignore_case
        self._at = 0
        self._depth = 0
        self._unknown: str | None = None

    def parse(self) -> Language:
        found = self._union()
        if self._at < len(self._text):
            raise self._error(f"end-of-string expected at position {self._at}")
        if self._unknown is not None:
            raise self._error(f"'{self._unknown}' not found")
        return found

    def _error(self, reason: str) -> ElasticsearchException:
        return ElasticsearchException("illegal_argument_exception", reason, status=400)

    def _peek(self, letters: str) -> bool:
        return self._at < len(self._text) and self._text[self._at] in letters

    def _take(self, letter: str) -> bool:
        if self._peek(letter):
            self._at += 1
            return True
        return False

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise self._error("unexpected end-of-string")
        self._at += 1
        return self._text[self._at - 1]

    def _union(self) -> Language:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"the expression nests deeper than {MAX_DEPTH} groups")
        parts = [self._intersection()]
        while self._take("|"):
            parts.append(self._intersection())
        self._depth -= 1
        return automaton.either(parts)

    def _intersection(self) -> Language:
        parts = [self._sequence()]
        while "INTERSECTION" in self._flags and self._take("&"):
            parts.append(self._sequence())
        return automaton.both(parts) if len(parts) > 1 else parts[0]

    def _sequence(self) -> Language:
        stop = ")|" + ("&" if "INTERSECTION" in self._flags else "")
        parts = [self._repetition()]
        while self._at < len(self._text) and not self._peek(stop):
            parts.append(self._repetition())
        return automaton.sequence(parts)

    def _repetition(self) -> Language:
        found = self._complement()
        while self._peek("?*+{"):
            operator = self._next()
            if operator == "?":
                found = automaton.repeat(found, 0, 1)
            elif operator == "*":
                found = automaton.repeat(found, 0, None)
            elif operator == "+":
                found = automaton.repeat(found, 1, None)
            else:
                low = self._number()
                high: int | None = low
                if self._take(","):
                    high = self._number() if self._peek("0123456789") else None
                if not self._take("}"):
                    raise self._error(f"expected '}}' at position {self._at}")
                if high is not None and high < low:
                    raise self._error("invalid repetition range(out of order): " + f"{low}..{high}")
                if max(low, high or 0) > MAX_REPEAT:
                    raise self._error(f"a repetition of more than {MAX_REPEAT} times is not supported")
                found = automaton.repeat(found, low, high)
        return found

    def _number(self) -> int:
        start = self._at
        while self._peek("0123456789"):
            self._at += 1
        if start == self._at:
            raise self._error(f"integer expected at position {self._at}")
        return int(self._text[start : self._at])

    def _complement(self) -> Language:
        negated = False
        while "COMPLEMENT" in self._flags and self._take("~"):
            negated = not negated
        found = self._class()
        return automaton.complement(found) if negated else found

    def _class(self) -> Language:
        if not self._take("["):
            return self._simple()
        negated = self._take("^")
        ranges: list[tuple[int, int]] = []
        first = True
        while first or not self._peek("]"):
            if not first and self._at >= len(self._text):
                raise self._error(f"expected ']' at position {self._at}")
            first = False
            if self._peek("\\") and self._text[self._at + 1 : self._at + 2] in tuple("dDsSwW"):
                self._at += 1
                ranges.extend(self._predefined(self._next()))
                continue
            if self._peek("\\"):
                self._check_escape(self._text[self._at + 1 : self._at + 2])
            low = self._letter()
            high = low
            if self._peek("-"):
                self._at += 1
                high = self._letter()
            if ord(low) > ord(high):
                raise self._error(f"invalid range: from ({ord(low)}) cannot be > to ({ord(high)})")
            ranges.append((ord(low), ord(high)))
            if self._ignore_case and low == high and low.isascii():
                ranges.extend((ord(form), ord(form)) for form in (low.lower(), low.upper()))
        self._at += 1
        found = automaton.chars(ranges)
        return automaton.outside(found[1]) if negated and len(found) > 1 else found  # type: ignore[arg-type]

    def _predefined(self, letter: str) -> Ranges:
        ranges = _CLASSES[letter.lower()]
        return automaton.outside(ranges)[1] if letter.isupper() else ranges  # type: ignore[return-value]

    def _check_escape(self, letter: str) -> None:
        """Letters behind a backslash are kept for classes of characters."""
        if letter.isascii() and letter.isalpha():
            raise self._error(f"invalid character class \\{ord(letter)}")

    def _letter(self) -> str:
        self._take("\\")
        return self._next()

    def _simple(self) -> Language:
        letter = self._next()
        if letter == ".":
            return automaton.ANY_CHAR
        if letter == "#" and "EMPTY" in self._flags:
            return automaton.NOTHING
        if letter == "@" and "ANYSTRING" in self._flags:
            return automaton.ANY_STRING
        if letter == '"':
            end = self._text.find('"', self._at)
            if end < 0:
                raise self._error(f"expected '\"' at position {len(self._text)}")
            quoted, self._at = self._text[self._at : end], end + 1
            return automaton.literal(quoted, self._ignore_case)
        if letter == "(":
            if self._take(")"):
                return automaton.EMPTY
            found = self._union()
            if not self._take(")"):
                raise self._error(f"expected ')' at position {self._at}")
            return found
        if letter == "<" and "INTERVAL" in self._flags:
            return self._interval()
        if letter == "\\":
            following = self._next()
            if following in "dDsSwW":
                return automaton.chars(self._predefined(following))
            self._check_escape(following)
            return automaton.char(following, self._ignore_case)
        return automaton.char(letter, self._ignore_case)

    def _interval(self) -> Language:
        end = self._text.find(">", self._at)
        if end < 0:
            raise self._error(f"expected '>' at position {len(self._text)}")
        low, dash, high = self._text[self._at : end].partition("-")
        self._at = end + 1
        if not dash:
            # A named automaton, of which there are none; Lucene finds out when the rest has been parsed.
            self._unknown = self._unknown if self._unknown is not None else low
            return automaton.NOTHING
        if not (low + high).isascii() or not (low.isdigit() and high.isdigit()) or max(len(low), len(high)) > 9:
            raise self._error(f"interval syntax error at position {end}")
        if int(low) > int(high):
            low, high = high, low
        if len(low) == len(high):
            return _decimals(low, high)
        # Without a fixed width, leading zeros may precede the number.
        parts = [
            _decimals(low if width == len(low) else "1" + "0" * (width - 1), high if width == len(high) else "9" * width)
            for width in range(len(low), len(high) + 1)
        ]
        return automaton.sequence([automaton.repeat(automaton.char("0"), 0, None), automaton.either(parts)])


def _decimals(low: str, high: str) -> Language:
    """The numbers from ``low`` to ``high``, both of the same width, in that width."""
    if not low:
        return automaton.EMPTY
    if low[0] == high[0]:
        return automaton.sequence([automaton.char(low[0]), _decimals(low[1:], high[1:])])
    rest = len(low) - 1
    parts = [
        automaton.sequence([automaton.char(low[0]), _decimals(low[1:], "9" * rest)]),
        automaton.sequence([automaton.char(high[0]), _decimals("0" * rest, high[1:])]),
    ]
    if ord(high[0]) - ord(low[0]) > 1:
        between = automaton.chars([(ord(low[0]) + 1, ord(high[0]) - 1)])
        parts.append(automaton.sequence([between, *[automaton.chars(_DIGITS)] * rest]))
    return automaton.either(parts)
