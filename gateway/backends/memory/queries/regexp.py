"""Regular expressions in searches: the flags, and Elasticsearch's exceptions for what Lucene refuses."""

from __future__ import annotations

from gateway.lucene import regexp
from gateway.lucene.automaton import MAX_STATES
from gateway.lucene.languages import Language, TooComplexError
from gateway.lucene.terms import TermAutomaton
from protocol.errors import ElasticsearchException

_FLAGS = frozenset({"ALL", "ANYSTRING", "COMPLEMENT", "EMPTY", "INTERSECTION", "INTERVAL", "NONE"})


def parse_flags(flags: str) -> frozenset[str]:
    """The flags of a regexp query, as ``INTERSECTION|EMPTY``. Raises ElasticsearchException (illegal_argument_exception)."""
    found = {flag.strip().upper() for flag in flags.split("|") if flag.strip()}
    for flag in found - _FLAGS:
        raise ElasticsearchException("illegal_argument_exception", f"Unknown regexp flag [{flag}]", status=400)
    if "ALL" in found:
        return regexp.ALL
    return frozenset() if "NONE" in found else frozenset(found)


def regexp_language(pattern: str, flags: frozenset[str] = regexp.ALL, ignore_case: bool = False) -> Language:
    """The language of a regular expression. Raises ElasticsearchException (illegal_argument_exception)."""
    try:
        return regexp.parse(pattern, flags, ignore_case)
    except TooComplexError:
        raise _too_complex(pattern, MAX_STATES) from None
    except regexp.RegexpError as error:
        raise ElasticsearchException("illegal_argument_exception", str(error), status=400) from None


def term_automaton(language: Language, max_states: int = MAX_STATES, pattern: str = "automaton") -> TermAutomaton:
    """The automaton of a ``pattern``. Raises ElasticsearchException (too_complex_to_determinize_exception)."""
    try:
        return TermAutomaton(language, max_states)
    except TooComplexError:
        raise _too_complex(pattern, max_states) from None


def _too_complex(pattern: str, limit: int) -> ElasticsearchException:
    return ElasticsearchException(
        "too_complex_to_determinize_exception", f"Determinizing {pattern} would require more than {limit} effort.", status=400
    )
