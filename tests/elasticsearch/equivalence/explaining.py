"""What ``explain`` says of a case before it is asked: computed from the key or the roles and from what a local cluster makes of its own
roles, with nothing of the running gateway. It must be the decision that the gateway's audit then tells of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from gateway.authentication.api_keys import ApiKeyStore
from gateway.authentication.subjects import CrossClusterKey, Subject, certificate_subject, cross_cluster_subject
from gateway.authorization.descriptors import RoleDescriptor, descriptors_to_json
from gateway.authorization.local_roles import as_sent
from gateway.authorization.metadata import ClusterMetadata
from gateway.authorization.parsing import parse_role_descriptor
from gateway.authorization.reserved_roles import RESERVED_ROLES
from gateway.authorization.role_files import RoleStore
from gateway.backends.memory.cluster import MemoryCluster
from gateway.backends.memory.loading import load
from gateway.explain import Explanation, explain_subject
from protocol.messages.options import IndicesOptions
from protocol.security import (
    API_KEY_LIMITED_BY_ROLE_DESCRIPTORS,
    API_KEY_ROLE_DESCRIPTORS,
    SYSTEM_USER,
    Authentication,
    AuthenticationType,
    RealmRef,
    SubjectInfo,
)
from protocol.security import User as Principal
from protocol.versions import V_8_19
from tests.elasticsearch.equivalence.cases import Case
from tests.elasticsearch.equivalence.differences import KNOWN, TO_CERTIFICATE, is_bound_by_three_sets
from tests.elasticsearch.equivalence.requests import REQUESTS
from tests.elasticsearch.equivalence.users import RUNNER, User, local_roles, logins
from tests.elasticsearch.rig.clusters import Clusters
from tests.elasticsearch.rig.keys import PREFIX

Event = Mapping[str, Any]

_REALM = RealmRef(node_name="local", name="default_file", type="file")
_SYSTEM = Authentication(
    Principal(SYSTEM_USER, internal=True),
    RealmRef(node_name="local", name="__attach", type="__attach"),
    type=AuthenticationType.INTERNAL,
    version=V_8_19,
)
_SEARCHES = ("_search", "_count", "_msearch")
_STATES = ("open", "closed", "hidden")
THREE_SETS = KNOWN["three sets"].reason


class Explainer:
    """Explains cases by what lies in a gateway's folder."""

    def __init__(self, clusters: Clusters) -> None:
        folder = clusters.gateway.folder
        self._clusters = clusters
        self._roles = RoleStore.load(folder / "roles.yml")
        self._metadata = _metadata(folder / "documents")
        self._logins = dict(logins())
        self._local = {
            **RESERVED_ROLES,
            **{name: parse_role_descriptor(name, body) for name, body in local_roles().items()},
        }
        with ApiKeyStore(folder / "data") as store:
            self._keys = {key.id: key for key in store.all_keys()}

    def wrong(self, case: Case, kind: str, event: Event) -> list[str]:
        """One line for each thing that the audit's event of a request of the case tells otherwise. ``kind``: of the gateway."""
        if kind == TO_CERTIFICATE and is_bound_by_three_sets(case) and str(event.get("error.message")).endswith(THREE_SETS):
            return []
        asked = event.get("rcgateway.indices_requested", [])
        explained = explain_subject(
            self._subject(case, event["user.name"], kind),
            self._roles,
            event["rcgateway.action"],
            asked,
            options(case, asked),
            self._metadata,
        )
        compared = _compared(event, explained) if kind == "gw" else _compared_in_front(event, explained)
        return [f"{what}: the gateway {taken}, explained {said}" for what, taken, said in compared if taken != said]

    def _subject(self, case: Case, name: str, kind: str) -> Subject:
        """The user, or the local cluster itself, which cancels what has failed."""
        user = case.asking
        login = user.login(case.role_set)
        authentication = _SYSTEM if name == SYSTEM_USER else self._authentication(user, case.role_set, login)
        if case.role_set is not None:
            return certificate_subject(authentication, "")
        alias = case.alias(kind)
        key = self._keys[self._clusters.keys["gw", PREFIX + case.credential]["id"]]
        descriptors = json.dumps(dict(key.role_descriptors)).encode()
        sent = [as_sent(self._roles_of(login), alias)]
        if user.key:
            sent.insert(0, as_sent([parse_role_descriptor(name, body) for name, body in user.key.items()], alias))
        sets = [json.dumps(descriptors_to_json([one])).encode() for one in sent if one is not None]
        return cross_cluster_subject(
            SubjectInfo(authentication, sets), CrossClusterKey(key.id, key.username, descriptors, key.name)
        )

    def _authentication(self, user: User, role_set: str | None, login: str) -> Authentication:
        """As the local cluster sends it; who acts for another one matters to the certificate model only."""
        if user.key is not None:
            metadata = {
                "_security_api_key_id": "id",
                API_KEY_ROLE_DESCRIPTORS: json.dumps(user.key).encode(),
                API_KEY_LIMITED_BY_ROLE_DESCRIPTORS: json.dumps(descriptors_to_json(self._roles_of(login))).encode(),
            }
            realm = RealmRef(node_name="local", name="_es_api_key", type="_es_api_key")
            return Authentication(
                Principal(login, roles=[]), realm, type=AuthenticationType.API_KEY, metadata=metadata, version=V_8_19
            )
        effective = Principal(login, roles=list(self._logins[login]))
        if user.through is None:
            return Authentication(effective, _REALM, version=V_8_19)
        acting = RUNNER.login(role_set)
        return Authentication(
            effective,
            _REALM,
            authenticating_user=Principal(acting, roles=list(self._logins[acting])),
            looked_up_by=_REALM,
            version=V_8_19,
        )

    def _roles_of(self, login: str) -> list[RoleDescriptor]:
        return [self._local[name] for name in self._logins[login] if name in self._local]


def options(case: Case, asked: list[str]) -> IndicesOptions:
    """As far as they matter to a decision, those that a local node sends for the request of a case on these names."""
    ask = REQUESTS[case.request]
    path, parameters = urlsplit(ask.path).path, dict(parse_qsl(urlsplit(ask.path).query))
    for header in ask.lines[::2]:
        names = header["index"] if isinstance(header["index"], list) else [header["index"]]
        if [name.removeprefix("R:") for name in names] == list(asked):
            parameters |= {name: str(value).lower() for name, value in header.items()}
    chosen: dict[str, bool] = {
        name: parameters[name] == "true" for name in ("ignore_unavailable", "allow_no_indices") if name in parameters
    }
    if "expand_wildcards" in parameters:
        states = parameters["expand_wildcards"].split(",")
        chosen |= {f"expand_{state}": state in states or "all" in states for state in _STATES}
    if not path.endswith(_SEARCHES):
        chosen |= {"forbid_closed_indices": False, "ignore_throttled": False}
    return IndicesOptions(**chosen)


def read_events(path: Path, offset: int) -> Iterator[Event]:
    """The audit's events from a place in the gateway's log on, as far as they tell what was decided on a request."""
    with path.open() as log:
        log.seek(offset)
        for line in log:
            if '"event.dataset":"rcgateway.audit"' in line:
                event = json.loads(line)
                if event["event.action"] in ("access_granted", "access_denied", "run_as_denied"):
                    yield event


def _compared(event: Event, explained: Explanation) -> Iterator[tuple[str, Any, Any]]:
    """What was decided, as the event tells it and as it was explained."""
    granted = event["event.action"] == "access_granted"
    # What document rules do not let a request do is refused after it was allowed on its indices.
    intercepted = not granted and "rcgateway.indices" in event
    yield "allowed", granted or intercepted, explained.allowed
    if not (granted or intercepted):
        error = explained.error
        yield "error", event.get("error.type"), None if error is None else error.type
        yield "reason", _reason(event.get("error.message")), None if error is None else _reason(error.reason)
        return
    yield "names", event.get("rcgateway.indices", []), list(explained.names or ())
    documents = [index for index, rules in explained.documents.items() if rules]
    fields = [index for index, rules in explained.fields.items() if rules is not None]
    yield "document rules", sorted(event.get("rcgateway.document_rules", [])), sorted(documents)
    yield "field rules", sorted(event.get("rcgateway.field_rules", [])), sorted(fields)
    if intercepted:
        yield "whether a document rule explains the refusal", True, bool(documents)


def _compared_in_front(event: Event, explained: Explanation) -> Iterator[tuple[str, Any, Any]]:
    """The same of a gateway that knows no names, where the cluster behind it decides what it cannot: it tells of that one's errors too."""
    denied, error = event["event.action"] != "access_granted", explained.error
    if error is not None:
        yield "error", event.get("error.type"), error.type
        if denied:
            yield "reason", _reason(event.get("error.message")), _reason(error.reason)
    elif denied:
        # As above: a search that was allowed, and is refused since a document rule holds for it.
        yield "whether it is allowed", str(event.get("error.message")).startswith("action ["), False
        yield "whether a document rule explains the refusal", True, any(explained.documents.values())


def _reason(text: str | None) -> str | None:
    """Without what only the local cluster knows: the id of a user's API key, and the order of the roles that it sends."""
    if text is None:
        return None
    text = re.sub(r"API key id \[[^\]]*\] of user \[u-", "API key id [...] of user [u-", text)
    return re.sub(r"roles \[([^\]]*)\]", lambda found: f"roles [{','.join(sorted(found[1].split(',')))}]", text)


def _metadata(documents: Path) -> ClusterMetadata:
    return MemoryCluster(load([documents]).values(), name="offline").metadata()
