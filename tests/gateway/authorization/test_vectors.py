"""Patterns and privileges against what Elasticsearch's own classes say."""

from gateway.authorization.cluster_privileges import CLUSTER_PRIVILEGES
from gateway.authorization.patterns import compile_pattern
from gateway.authorization.privileges import INDEX_PRIVILEGES
from tests.vectors import read_lines


def test_patterns_match_what_elasticsearchs_match() -> None:
    different = []
    for row in read_lines("security_patterns.jsonl.gz"):
        try:
            matches = compile_pattern(row["pattern"])
            found = {word: matches(word) for word in row.get("words", {"": False})}
        except ValueError:
            found = None
        if found != (None if row.get("error") else row["words"]):
            different.append((row, found))
    assert different == []


def test_privileges_grant_what_elasticsearchs_grant() -> None:
    different = []
    for row in read_lines("security_privileges.jsonl.gz"):
        action = row["action"]
        index = [name for name, privilege in INDEX_PRIVILEGES.items() if privilege.allows(action)]
        cluster = [name for name, privilege in CLUSTER_PRIVILEGES.items() if privilege.allows(action)]
        if index != row["index"] or cluster != row.get("cluster", cluster):
            different.append((action, index, cluster))
    assert different == []
