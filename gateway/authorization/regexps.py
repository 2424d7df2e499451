"""Lucene's regular expressions (``org.apache.lucene.util.automaton.RegExp``, all its optional operators on).

    a|b  a&b  ~a          union, intersection, complement (of everything)
    a* a+ a? a{n} a{n,} a{n,m}
    [a-z] [^a-z] . @ #    characters, any one, any word, no word
    "text" \\c  <n-m>      literally, a number in a range
    \\d \\w \\s \\D \\W \\S     digits, word characters, white space (ASCII), and their opposites

An expression always matches the whole word; ``^`` and ``$`` are ordinary characters. What Lucene refuses is refused, and so is what
different versions of it read in different ways.
"""

from __future__ import annotations

from gateway.authorization import languages
from gateway.authorization.languages import Language

MAX_LENGTH = 10_000
"""Of an expression in characters: far beyond any sane one, and it keeps a hostile descriptor from costing much."""
MAX_DEPTH = 100
"""Of parentheses, so that neither parsing nor deriving recurses without bound."""
MAX_REPEAT = 1_000
MAX_SIZE = 20_000
"""Characters after repetitions are written out."""

_DIGITS = ((0x30, 0x39),)
_SPACES = ((0x09, 0x0A), (0x0D, 0x0D), (0x20, 0x20))
_WORD = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_CLASSES = {"d": _DIGITS, "s": _SPACES, "w": _WORD}


def parse(expression: str) -> Language:
    """The language of an expression. Raises ``ValueError`` saying what is wrong and where."""
    if len(expression) > MAX_LENGTH:
        raise ValueError(f"regular expression of [{len(expression)}] characters is longer than [{MAX_LENGTH}]")
    if not expression:
        return languages.EMPTY_WORD
    parser = _Parser(expression)
    language = parser.union()
    if parser.more():
        raise ValueError(f"end-of-string expected at position {parser.at}")
    return language


class _Parser:
    def __init__(self, expression: str) -> None:
        self.text = expression
        self.at = 0
        self.depth = 0
        self.size = 0

    def more(self) -> bool:
        return self.at < len(self.text)

    def peek(self, any_of: str) -> bool:
        return self.more() and self.text[self.at] in any_of

    def take(self, char: str) -> bool:
        if self.peek(char):
            self.at += 1
            return True
        return False

    def expect(self, char: str) -> None:
        if not self.take(char):
            raise ValueError(f"expected '{char}' at position {self.at}")

    def next(self) -> str:
        if not self.more():
            raise ValueError("unexpected end-of-string")
        char = self.text[self.at]
        self.at += 1
        return char

    def until(self, char: str) -> str:
        end = self.text.find(char, self.at)
        if end < 0:
            raise ValueError(f"expected '{char}' at position {len(self.text)}")
        inner, self.at = self.text[self.at : end], end + 1
        return inner

    def union(self) -> Language:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ValueError(f"regular expression is nested deeper than [{MAX_DEPTH}]")
        parts = [self.intersection()]
        while self.take("|"):
            parts.append(self.intersection())
        self.depth -= 1
        return languages.union(parts)

    def intersection(self) -> Language:
        parts = [self.concat()]
        while self.take("&"):
            parts.append(self.concat())
        return languages.intersection(parts)

    def concat(self) -> Language:
        parts = [self.repeat()]
        while self.more() and not self.peek(")|&"):
            parts.append(self.repeat())
        return languages.concat(parts)

    def repeat(self) -> Language:
        before = self.size
        language = self.complement()
        while self.peek("?*+{"):
            match self.next():
                case "?":
                    language = languages.union([language, languages.EMPTY_WORD])
                case "*":
                    language = languages.star(language)
                case "+":
                    language = languages.concat([language, languages.star(language)])
                case _:
                    low, high = self.bounds()
                    self.size = before + max(1, self.size - before) * max(1, high if high is not None else low + 1)
                    language = _repeated(language, low, high)
            if self.size > MAX_SIZE:
                raise ValueError(f"regular expression has more than [{MAX_SIZE}] characters with its repetitions written out")
        return language

    def bounds(self) -> tuple[int, int | None]:
        low = self.integer()
        if not self.take(","):
            high: int | None = low
        else:
            high = self.integer() if self.peek("0123456789") else None
        self.expect("}")
        if high is not None and high < low:
            raise ValueError(f"invalid repetition range(out of order): {low}..{high}")
        if max(low, high or 0) > MAX_REPEAT:
            raise ValueError(f"repetition of more than [{MAX_REPEAT}] is not supported")
        return low, high

    def integer(self) -> int:
        start = self.at
        while self.peek("0123456789"):
            self.at += 1
        if start == self.at:
            raise ValueError(f"integer expected at position {self.at}")
        return int(self.text[start : self.at][:9])

    def complement(self) -> Language:
        negations = 0
        while self.take("~"):
            negations += 1
        language = self.char_class() if self.take("[") else self.simple()
        return languages.complement(language) if negations % 2 else language

    def char_class(self) -> Language:
        negated = self.take("^")
        ranges: list[tuple[int, int]] = []
        while True:
            predefined = self.predefined()
            if predefined is not None:
                ranges.extend(predefined)
            else:
                low = high = ord(self.char())
                if self.take("-"):
                    if self.peek("]"):
                        raise ValueError(f"a range needs its end at position {self.at}")
                    high = ord(self.char())
                    if low > high:
                        raise ValueError(f"invalid range: from ({low}) cannot be > to ({high})")
                ranges.append((low, high))
            self.size += 1
            if not self.more() or self.peek("]"):
                break
        self.expect("]")
        return languages.not_chars(ranges) if negated else languages.chars(ranges)

    def predefined(self) -> tuple[tuple[int, int], ...] | None:
        """The ranges of ``\\d`` and its like, when one stands here."""
        if not (self.peek("\\") and self.at + 1 < len(self.text)):
            return None
        letter = self.text[self.at + 1]
        ranges = _CLASSES.get(letter.lower())
        if ranges is None:
            if letter.isascii() and letter.isalpha():
                raise ValueError(f"invalid character class \\{letter}")
            return None
        self.at += 2
        if letter.islower():
            return ranges
        opposite = languages.not_chars(ranges)
        return opposite.ranges if isinstance(opposite, languages._Chars) else ()

    def simple(self) -> Language:
        self.size += 1
        if self.take("."):
            return languages.ANY_CHAR
        if self.take("#"):
            return languages.NOTHING
        if self.take("@"):
            return languages.ANY_WORD
        if self.take('"'):
            word = self.until('"')
            self.size += len(word)
            return languages.text(word)
        if self.take("("):
            if self.take(")"):
                return languages.EMPTY_WORD
            language = self.union()
            self.expect(")")
            return language
        if self.take("<"):
            return self.number(self.until(">"))
        predefined = self.predefined()
        if predefined is not None:
            return languages.chars(predefined)
        return languages.text(self.char())

    def number(self, inner: str) -> Language:
        low, dash, high = inner.partition("-")
        if not (
            dash and low.isascii() and low.isdigit() and high.isascii() and high.isdigit() and len(low) < 10 and len(high) < 10
        ):
            raise ValueError(f"interval syntax error at position {self.at - 1}")
        digits = len(low) if len(low) == len(high) else 0
        first, last = sorted((int(low), int(high)))
        return languages.number(first, last, digits)

    def char(self) -> str:
        self.take("\\")
        return self.next()


def _repeated(language: Language, low: int, high: int | None) -> Language:
    required = [language] * low
    if high is None:
        return languages.concat([*required, languages.star(language)])
    # Nested, (a(a(a)?)?)?, rather than a?a?a?: its derivatives stay few.
    optional = languages.EMPTY_WORD
    for _ in range(high - low):
        optional = languages.union([languages.EMPTY_WORD, languages.concat([language, optional])])
    return languages.concat([*required, optional])
