"""Whatever is named: authorization and the cluster behind it mean the same indices, and none that a role does not cover by some name."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authorization import authorize_indices
from gateway.backends.memory.index import Index
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions
from protocol.messages.search_request import SEARCH
from tests.gateway.authorization.support import descriptors, entry, role
from tests.gateway.backends.memory.test_resolve_names import INDICES, NAMES

Group = tuple[list[str], list[str]]

KNOWN = [each.name for each in NAMES.metadata]
PATTERNS = [*KNOWN, "*", "a*", "s*", ".ds-*", ".fs-*", ".*", "?", "t*", "one*"]
EXPRESSIONS = [
    *KNOWN,
    "*",
    "_all",
    "a*",
    "s*",
    ".ds-*",
    ".*",
    "*b",
    "none",
    "none*",
    "-a",
    "-a*",
    "-s",
    "-*",
    "-sa",
    "-.ds-*",
    "-_all",
]
SELECTORS = ("", "", "", "::data", "::failures")

groups = st.lists(
    st.tuples(
        st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3),
        st.lists(st.sampled_from(["read", "read_failure_store", "view_index_metadata", "all"]), min_size=1, max_size=2),
    ),
    max_size=3,
)
expressions = st.lists(st.tuples(st.sampled_from(EXPRESSIONS), st.sampled_from(SELECTORS)).map("".join), max_size=4)
options = st.builds(
    IndicesOptions,
    ignore_unavailable=st.booleans(),
    allow_no_indices=st.booleans(),
    expand_open=st.booleans(),
    expand_closed=st.booleans(),
    expand_hidden=st.booleans(),
    ignore_aliases=st.booleans(),
    forbid_closed_indices=st.booleans(),
)


def covered(sets: Sequence[Sequence[Group]], index: Index) -> bool:
    """By brute force: whether all sets cover one of the names by which the documents of an index can be asked for."""
    stream = index.data_stream
    failure = stream is not None and index.name in stream.failure_indices
    through = [] if stream is None else [stream.name, *stream.aliases]
    names = [*index.aliases, *([] if failure else through)]
    selector = "read_failure_store" if failure else "read"

    def by(one: Sequence[Group], name: str, privilege: str) -> bool:
        return any(
            {privilege, "all"} & set(privileges) and any(fnmatchcase(name, pattern) for pattern in patterns)
            for patterns, privileges in one
        )

    def own(one: Sequence[Group]) -> bool:
        return by(one, index.name, "read") or (stream is not None and by(one, stream.name, selector))

    return all(map(own, sets)) or any(
        all(by(one, name, privilege) for one in sets)
        for privilege, candidates in (("read", names), ("read_failure_store", through if failure else []))
        for name in candidates
    )


@given(st.lists(groups, min_size=1, max_size=2), expressions, options)
def test_no_index_is_meant_that_is_not_covered(sets: list[list[Group]], asked: list[str], options: IndicesOptions) -> None:
    who = role(*(descriptors(*(entry(*patterns, privileges=privileges) for patterns, privileges in one)) for one in sets))
    try:
        grant = authorize_indices(who, SEARCH, asked, options, NAMES.metadata)
        found = NAMES.concrete(grant.names or (), options, searched=False)
    except ElasticsearchException:
        return
    assert {each.index.name for each in found} <= (grant.indices or set())
    for each in found:
        assert covered(sets, each.index)


@given(st.lists(st.sampled_from(KNOWN), min_size=1, max_size=4), options)
def test_who_may_do_all_finds_all_that_is_named(asked: list[str], options: IndicesOptions) -> None:
    options.ignore_aliases = False
    grant = authorize_indices(role(descriptors(entry("*", privileges=["all"]))), SEARCH, asked, options, NAMES.metadata)
    behind = {index for name in asked for index in NAMES.metadata.concrete_indices(name)}
    closed = {name for name in behind if INDICES[name].closed} if options.forbid_closed_indices else set()

    def found() -> set[str]:
        return {each.index.name for each in NAMES.concrete(grant.names or (), options, searched=False)}

    if closed and not options.ignore_unavailable:
        with pytest.raises(ElasticsearchException, match="closed"):
            found()
    elif behind == closed and not options.allow_no_indices:
        with pytest.raises(ElasticsearchException, match="no such index"):
            found()
    else:
        assert found() == behind - closed
