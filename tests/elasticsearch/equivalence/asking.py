"""Asks one case of the real remote cluster and of gateways, and makes the answers comparable."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

from tests.elasticsearch.comparing import differences, normalize
from tests.elasticsearch.equivalence.cases import Case
from tests.elasticsearch.equivalence.differences import known
from tests.elasticsearch.equivalence.requests import REQUESTS
from tests.elasticsearch.equivalence.users import PASSWORD, RUNNER
from tests.elasticsearch.rig.clusters import Clusters

_CHANGING = frozenset({"index_uuid", "node", "time_in_nanos", "rewrite_time", "breakdown"})
"""``breakdown``: the times of a profile."""
_WORDS = (
    (re.compile(r"\[(?:remote|gateway)\]"), "[NODE]"),
    (re.compile(r"(\bAPI key id \[[^\]]+\] of user) \[[\w@-]+\](?!.*towards)"), r"\1 [CREATOR]"),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
)


@dataclass(frozen=True)
class Comparison:
    """``kind``: of the gateway. ``lines``: one for each place where its answer is not the real one's. ``known``: the name of the
    difference, where it is one of those in the docs."""

    case: Case
    kind: str
    lines: tuple[str, ...]
    known: str | None


@dataclass
class Asker:
    """Holds a client for each local cluster, and the API keys of local users, made when they are first needed."""

    clusters: Clusters
    _clients: dict[str, httpx.Client] = field(default_factory=dict)
    _keys: dict[tuple[str, str], str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for client in self._clients.values():
            client.close()

    def prepare(self, case: Case) -> None:
        """What must be there before the case is asked: not for several threads at once."""
        if case.version not in self._clients:
            limits = httpx.Limits(max_connections=16)
            self._clients[case.version] = httpx.Client(base_url=self.clusters.locals[case.version].url, timeout=60, limits=limits)
        user = case.asking
        login = user.login(case.role_set)
        if user.key is not None and (case.version, login) not in self._keys:
            body = {"name": f"key of {login}", "role_descriptors": user.key}
            made = self._clients[case.version].post("/_security/api_key?refresh=true", json=body, auth=(login, PASSWORD))
            assert made.status_code == 200, made.text
            self._keys[case.version, login] = made.json()["encoded"]

    def ask(self, case: Case, kind: str) -> dict[str, Any]:
        """Status and body, without what differs between any two clusters."""
        alias, ask = case.alias(kind), REQUESTS[case.request]
        lines = "".join(json.dumps(line) + "\n" for line in ask.lines).replace('"R:', f'"{alias}:')
        headers = {"X-Opaque-Id": str(case), **self._login(case)}
        if lines:
            headers["Content-Type"] = "application/x-ndjson"
        answer = self._clients[case.version].request(
            ask.method, ask.path.replace("R:", f"{alias}:"), json=ask.body, content=lines or None, headers=headers
        )
        return {"status": answer.status_code, "body": self._comparable(normalize(answer.json(), alias))}

    def compare(self, case: Case, kinds: Iterable[str]) -> list[Comparison]:
        """The gateways of some kinds with the real remote."""
        real = self.ask(case, "real")
        return [self._compared(case, kind, real, self.ask(case, kind)) for kind in kinds]

    def _compared(self, case: Case, kind: str, real: dict[str, Any], ours: dict[str, Any]) -> Comparison:
        found = tuple(differences(real, ours))
        excuse = known(kind, case, ours) if found else None
        return Comparison(case, kind, () if excuse else found, excuse)

    def _login(self, case: Case) -> dict[str, str]:
        user = case.asking
        login = user.login(case.role_set)
        if user.key is not None:
            return {"Authorization": f"ApiKey {self._keys[case.version, login]}"}
        if user.through is None:
            return _basic(login)
        return {**_basic(RUNNER.login(case.role_set)), "es-security-runas-user": login}

    def _comparable(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._comparable(entry) for key, entry in value.items() if key not in _CHANGING}
        if isinstance(value, list):
            return [self._comparable(entry) for entry in value]
        if not isinstance(value, str):
            return value
        for key_id in self._key_ids():
            value = value.replace(f"[{key_id}]", "[KEY]")
        for pattern, word in _WORDS:
            value = pattern.sub(word, value)
        return value

    def _key_ids(self) -> Iterator[str]:
        return (key["id"] for key in self.clusters.keys.values())


def _basic(user: str) -> dict[str, str]:
    return {"Authorization": httpx.BasicAuth(user, PASSWORD)._auth_header}
