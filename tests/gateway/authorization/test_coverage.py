"""Yes or no for many names at once, and which line of a role it was for one name: both say the same."""

from __future__ import annotations

from functools import reduce
from operator import or_

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.authorization import DescriptorSet, authorize_indices, index_access
from gateway.authorization import unions as unions_module
from gateway.authorization.coverage import Resource
from gateway.authorization.descriptors import FieldSecurity
from gateway.authorization.index_access import AccessRules, FieldAccess, combine
from gateway.authorization.metadata import AbstractionType
from gateway.authorization.name_index import MAX_ONE_BY_ONE, NameIndex
from gateway.authorization.patterns import NamePatterns
from gateway.authorization.privileges import Selector
from gateway.authorization.unions import WildcardUnion
from gateway.lucene.languages import TooComplexError, Work
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions
from tests.gateway.authorization.support import descriptors, entry, role
from tests.gateway.authorization.test_properties import INDEX_ACTIONS, METADATA, NAMES, SETS

ENOUGH = Work(10**9)
EXPRESSIONS = ["/a|b/", "/~(a.*)/", "/.*b/", "/a.*/", "/@/", "/#/", "/[ab]{2}/", "//"]
PATTERNS = st.text("ab*?\\", max_size=6) | st.text("ab*", min_size=1, max_size=6) | st.sampled_from(EXPRESSIONS)
MANY = st.lists(PATTERNS, min_size=1, max_size=3 * MAX_ONE_BY_ONE)
WORDS = st.text("ab\\*\U0001f600", max_size=7)


@given(st.lists(MANY, min_size=1, max_size=3), st.lists(WORDS, max_size=20), st.booleans())
@settings(max_examples=150)
def test_all_patterns_at_once_are_as_one_by_one(groups: list[list[str]], names: list[str], escapes: bool) -> None:
    one_by_one = [NamePatterns(patterns, escapes=escapes) for patterns in groups]
    index = NameIndex((1 << number, patterns) for number, patterns in enumerate(one_by_one))
    for name in names:
        matching = [1 << number for number, patterns in enumerate(one_by_one) if patterns.find(name) is not None]
        assert index.find(name, ENOUGH) == sum(matching)
        assert index.matches(name, ENOUGH) is bool(matching)
        assert not index.total or matching


@given(MANY, st.lists(WORDS, max_size=20))
@settings(max_examples=60)
def test_what_was_forgotten_is_found_again(patterns: list[str], names: list[str]) -> None:
    index = NameIndex([(1, NamePatterns(patterns))])
    before = [index.matches(name, ENOUGH) for name in names]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unions_module, "MAX_BYTES", 0)
        fresh = NameIndex([(1, NamePatterns(patterns))])
        for one in (index, fresh):
            assert [one.matches(name, ENOUGH) for name in names] == before


@given(SETS, SETS, st.sampled_from(INDEX_ACTIONS), st.sampled_from(list(Selector)))
@settings(max_examples=100)
def test_yes_or_no_and_which_agree(one: DescriptorSet, other: DescriptorSet, action: str, selector: Selector) -> None:
    who = role(one, other)
    resources = [Resource.of(METADATA, name, selector) for name in (*NAMES, "missing", ".security-9")]
    checks = [who.check_index(action, resource) for resource in resources]
    assert who.allows(action, resources) == [check.allowed for check in checks]
    for each in (one, other):
        coverage = each.coverage(action)
        for resource in resources:
            rules = [group.shows for _, group in each.index_rules(action, resource)]
            assert coverage.covers(resource, ENOUGH) is bool(rules)
            shown = coverage.shown([resource], METADATA, ENOUGH)
            assert set(shown) == (set(resource.indices(METADATA)) if rules else set())
            for shows in shown.values():
                assert coverage.rules(shows, ENOUGH) == reduce(or_, rules)


@given(SETS, SETS, st.sampled_from(INDEX_ACTIONS), st.sampled_from(list(Selector)), st.booleans())
@settings(max_examples=60)
def test_names_for_wildcards_have_their_line_in_each_set(
    one: DescriptorSet, other: DescriptorSet, action: str, selector: Selector, data_streams: bool
) -> None:
    who = role(one, other)

    def by_name(name: str, asked: Selector) -> bool:
        """By this very name: as an index that belongs to no stream."""
        resource = Resource(name, asked, METADATA.get(name))
        return all(any(each.index_rules(action, resource)) for each in (one, other))

    expected = set()
    for abstraction in METADATA:
        stream = abstraction.type is AbstractionType.DATA_STREAM
        if (stream and not data_streams) or (selector is Selector.FAILURES and not stream):
            continue
        through_failures = data_streams and abstraction.failure_index and by_name(str(abstraction.data_stream), Selector.FAILURES)
        if by_name(abstraction.name, selector) or through_failures:
            expected.add(abstraction.name)
            if stream:
                expected.update(abstraction.indices if selector is Selector.DATA else abstraction.failure_indices)
    assert set(who.authorized_names(action, selector, METADATA, data_streams=data_streams)) == expected


@given(SETS, SETS, st.sampled_from(INDEX_ACTIONS), st.lists(st.sampled_from([*NAMES, "*", "a*"]), max_size=3))
@settings(max_examples=60)
def test_the_checks_of_a_grant_allow_and_those_of_a_denial_say_what_not(
    one: DescriptorSet, other: DescriptorSet, action: str, names: list[str]
) -> None:
    who = role(one, other)
    try:
        grant = authorize_indices(who, action, names, IndicesOptions(), METADATA)
    except ElasticsearchException as error:
        checks = getattr(error, "checks", ())
        assert not checks or not all(check.allowed for check in checks)
        return
    assert all(check.allowed for check in grant.checks if check.name is not None)
    if grant.names:
        assert [check.name for check in grant.checks] == list(grant.names)


def test_equal_entries_are_asked_once_for_all_actions() -> None:
    one = descriptors(entry("a*", privileges=["read", "monitor"]), entry("b*", privileges=["read"]))
    search = one.coverage("indices:data/read/search")
    assert one.coverage("indices:data/read/get") is search
    assert one.coverage("indices:monitor/stats") is not search


def test_the_work_for_one_text_has_a_bound() -> None:
    union = WildcardUnion([(1, ["a", "b"])])
    assert union.find("ab", Work(10))
    assert not union.find("ab" * 100, Work(20))
    with pytest.raises(TooComplexError):
        union.find("ab" * 10_000, Work(10))


def test_many_combinations_of_rules_cost_what_they_hold() -> None:
    one = descriptors(*(entry("*", f"x{n}", field_security={"grant": [f"f{n}", "/a.*/"]}) for n in range(50)))
    rules = one.coverage("indices:data/read/search").rules((1 << 50) - 1, Work(100))
    assert rules.fields is not None
    assert len(rules.fields) == 50
    unseen = AccessRules(None, rules.fields | {FieldSecurity(("never combined before",), ())})
    with pytest.raises(TooComplexError):
        combine((unseen,), Work(20))
    assert combine((unseen,), ENOUGH).fields is not None


def test_the_fields_of_all_indices_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_access, "MAX_REMEMBERED_FIELDS", 100)
    many = [FieldAccess((frozenset({FieldSecurity((f"f{number}*",), ())}),)) for number in range(10)]
    for field in range(50):
        for number, one in enumerate(many):
            assert one.allows(f"f{number}.{field}")
            assert not one.allows(f"g{number}.{field}")
            assert sum(len(each._remembered) for each in many) <= 100
