"""Role descriptors against what Elasticsearch's own parser makes of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gateway.authorization.parsing import load_json, parse_role_descriptor
from protocol.errors import ElasticsearchException
from tests.vectors import read_lines

_AT = re.compile(r"^\[\d+:\d+\] ")
_OTHER_WORDS = re.compile(
    r"failed to parse privilege\. |Expected text at |expected field name |fieldName cannot be null|the given string doesn't look"
)
"""Refusals whose words are Elasticsearch's JSON reader's, or a fault of it."""


OTHERWISE = {
    # Refused in other words.
    '{"applications": [{"application": "app", "privileges": [[]], "resources": ["*"]}]}',
    '{"applications": [{"application": "app", "privileges": ["read"], "resources": [[]]}]}',
}


def read(text: str) -> dict[str, Any]:
    try:
        return {"descriptor": parse_role_descriptor("r", load_json(text)).to_json()}
    except ElasticsearchException as error:
        return {"causes": [[one.type, one.reason] for one in causes(error)]}


def causes(error: ElasticsearchException | None) -> Iterator[ElasticsearchException]:
    while error is not None:
        yield error
        error = error.cause


def test_descriptors_are_read_and_refused_as_elasticsearch_does() -> None:
    different = []
    for row in read_lines("security_descriptors.jsonl.gz"):
        right = {name: row[name] for name in ("descriptor", "causes") if name in row}
        found = read(row["text"])
        if "causes" in right and "causes" in found:
            right["causes"] = [[kind, _AT.sub("", reason)] for kind, reason in right["causes"]]
            if _OTHER_WORDS.match(right["causes"][-1][1]):
                continue
        if (found != right) != (row["text"] in OTHERWISE):
            different.append((row["text"], right, found))
    assert different == []
