"""What must hold for any roles: a conjunction only narrows, and no decision reaches past what every side allows."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.authorization import (
    AbstractionType,
    ClusterMetadata,
    DescriptorSet,
    Grant,
    IndexAbstraction,
    Role,
    authorize_cluster,
    authorize_indices,
)
from gateway.authorization.cluster_privileges import CLUSTER_PRIVILEGES
from gateway.authorization.coverage import Resource
from gateway.authorization.privileges import INDEX_PRIVILEGES, Selector
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions
from tests.gateway.authorization.support import descriptors, entry, role

NAMES = ["a", "ab", "abc", "b", ".a", ".security", "s", ".ds-s-1", ".fs-s-1", "al"]
ALL_CLUSTERS = [
    IndexAbstraction("a"),
    IndexAbstraction("ab", hidden=True),
    IndexAbstraction("abc", closed=True),
    IndexAbstraction(".a", hidden=True),
    IndexAbstraction(".security", hidden=True, system=True),
    IndexAbstraction("s", AbstractionType.DATA_STREAM, (".ds-s-1",), failure_indices=(".fs-s-1",)),
    IndexAbstraction(".ds-s-1", hidden=True, data_stream="s"),
    IndexAbstraction(".fs-s-1", hidden=True, data_stream="s", failure_index=True),
    IndexAbstraction("al", AbstractionType.ALIAS, ("a", "ab")),
]
METADATA = ClusterMetadata(ALL_CLUSTERS)

INDEX_ACTIONS = [
    "indices:data/read/search",
    "indices:data/read/search[phase/query]",
    "indices:data/read/field_caps",
    "indices:admin/resolve/index",
    "indices:admin/search/search_shards",
    "indices:monitor/stats",
    "indices:data/read/xpack/ccr/shard_changes",
    "internal:transport/proxy/indices:data/read/search[phase/query]",
    "indices:data/read/msearch",
]
CLUSTER_ACTIONS = ["cluster:monitor/state", "cluster:monitor/stats/remote", "cluster:monitor/xpack/info", "cluster:admin/x"]

PATTERNS = st.sampled_from(["*", "a*", "?", "b", "/a|b/", "/~(a.*)/", ".*", "s", "*s*", "al", ".ds-*"]) | st.text(
    "ab.*?", min_size=1, max_size=3
)
EXPRESSIONS = st.sampled_from(
    [*NAMES, "*", "a*", "-a*", "-a", "_all", "missing", "s::failures", "*::failures", "<x-{now/d}>", ".*"]
)


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    more: dict[str, Any] = {"allow_restricted_indices": draw(st.booleans())}
    if draw(st.integers(0, 5)) == 0:
        more["query"] = {"match_all": {}}
    if draw(st.integers(0, 5)) == 0:
        more["field_security"] = {"grant": draw(st.sampled_from([["*"], ["x"], []]))}
    names = draw(st.lists(PATTERNS, min_size=1, max_size=2))
    return entry(*names, privileges=draw(st.lists(st.sampled_from(list(INDEX_PRIVILEGES)), min_size=1, max_size=2)), **more)


SETS = st.builds(
    lambda indices, cluster: descriptors(*indices, cluster=cluster),
    st.lists(entries(), max_size=3),
    st.lists(st.sampled_from(list(CLUSTER_PRIVILEGES)), max_size=2),
)
OPTIONS = st.builds(
    IndicesOptions,
    ignore_unavailable=st.booleans(),
    allow_no_indices=st.booleans(),
    expand_open=st.booleans(),
    expand_closed=st.booleans(),
    expand_hidden=st.booleans(),
    ignore_aliases=st.booleans(),
)
REQUESTS = st.tuples(st.sampled_from(INDEX_ACTIONS), st.none() | st.lists(EXPRESSIONS, max_size=3), OPTIONS)
Request = tuple[str, list[str] | None, IndicesOptions]


def decide(who: Role, request: Request) -> Grant | ElasticsearchException:
    action, names, options = request
    try:
        return authorize_indices(who, action, names, options, METADATA)
    except ElasticsearchException as error:
        return error


def touched(decision: Grant | ElasticsearchException) -> set[str] | None:
    """The names and indices that may be touched; ``None`` when the request is refused."""
    if isinstance(decision, ElasticsearchException):
        return None
    return set(decision.names or ()) | set(decision.indices or ())


@given(SETS, SETS, REQUESTS)
@settings(max_examples=120)
def test_a_conjunction_gives_only_what_each_side_gives(one: DescriptorSet, other: DescriptorSet, request: Request) -> None:
    both = touched(decide(role(one, other), request))
    for side in (one, other):
        alone = decide(role(side), request)
        if both is None:
            continue
        if isinstance(alone, Grant):
            reach = touched(alone)
            assert reach is not None
            assert both <= reach
        else:
            # The other side may have dropped, by a wildcard or an ignored name, what this side refuses; but then nothing of it is left.
            for name in both:
                assert touched(decide(role(side), (request[0], [name], IndicesOptions(expand_open=False)))) is not None


@given(SETS, SETS, SETS, REQUESTS)
@settings(max_examples=120)
def test_another_set_never_widens(one: DescriptorSet, other: DescriptorSet, third: DescriptorSet, request: Request) -> None:
    narrow, wide = touched(decide(role(one, other, third), request)), touched(decide(role(one, other), request))
    if narrow is not None and wide is not None:
        assert narrow <= wide


@given(SETS, SETS, REQUESTS)
def test_the_order_of_sets_does_not_matter(one: DescriptorSet, other: DescriptorSet, request: Request) -> None:
    assert touched(decide(role(one, other), request)) == touched(decide(role(other, one), request))


@given(SETS, SETS, st.sampled_from(CLUSTER_ACTIONS))
def test_cluster_actions_need_every_set(one: DescriptorSet, other: DescriptorSet, action: str) -> None:
    def allowed(*sets: DescriptorSet) -> bool:
        try:
            return authorize_cluster(role(*sets), action) is not None
        except ElasticsearchException:
            return False

    assert allowed(one, other) == (allowed(one) and allowed(other))


@given(SETS, REQUESTS)
@settings(max_examples=120)
def test_every_granted_name_has_its_rule(one: DescriptorSet, request: Request) -> None:
    """A line of the role allows each name of a grant, and each index is behind a name."""
    decision = decide(role(one), request)
    if isinstance(decision, ElasticsearchException) or decision.names is None:
        return
    action = request[0]
    behind: set[str] = set()
    for expression in decision.names:
        name, _, selector = expression.partition("::")
        behind |= set(METADATA.concrete_indices(name, failures=selector == "failures"))
        restricted = name.startswith(".security")
        assert any(
            privilege.allows(action) and (group.source.allow_restricted_indices or not restricted)
            for group in one.groups
            for privilege in group.privileges
            if any(group.names(covering) for covering in (name, "s" if name in (".ds-s-1", ".fs-s-1") else name))
        )
    assert decision.indices == frozenset(behind)


@given(SETS, REQUESTS)
def test_an_index_that_may_not_be_seen_might_as_well_not_exist(one: DescriptorSet, request: Request) -> None:
    """Without the indices that the role covers nothing of, every answer is the same: nothing of them leaks."""
    who, action = role(one), request[0]
    covered = [
        abstraction
        for abstraction in ALL_CLUSTERS
        if any(one.index_rule(action, _resource(abstraction.name, selector)) is not None for selector in Selector)
    ]
    kept = {name for abstraction in covered for name in (abstraction.name, *abstraction.indices, *abstraction.failure_indices)}
    kept |= {abstraction.data_stream for abstraction in covered if abstraction.data_stream is not None}
    fewer = ClusterMetadata([abstraction for abstraction in ALL_CLUSTERS if abstraction.name in kept])
    names, options = request[1], request[2]
    if names is not None and any(name in (".ds-s-1", ".fs-s-1") for name in names):
        return  # an index of a stream counts by the stream, which is seen by looking the index up
    answers = []
    for metadata in (METADATA, fewer):
        try:
            answers.append(str(sorted(touched(authorize_indices(role(one), action, names, options, metadata)) or ())))
        except ElasticsearchException as error:
            answers.append(str(error))
    assert answers[0] == answers[1]
    assert who.sets == (one,)


def _resource(name: str, selector: Selector) -> Resource:
    return Resource.of(METADATA, name, selector)
