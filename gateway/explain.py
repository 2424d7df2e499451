"""Why a request is allowed or denied, and what it would see: the decision of the gateway itself, as a value that can be shown.

    explanation = explain(role, "indices:data/read/search", ["logs-*"], IndicesOptions(), backend.metadata())
    explanation.allowed, explanation.error, explanation.documents, explanation.fields

Nothing is decided here: the role is built and the request authorized by the code that a running gateway uses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.authentication.subjects import Subject
from gateway.authorization.authorize import authorize
from gateway.authorization.descriptors import FieldSecurity
from gateway.authorization.expressions import as_resource
from gateway.authorization.grant import Check, Denied, Rule
from gateway.authorization.index_access import EVERYTHING, UNRESTRICTED, AccessRules, IndexAccess
from gateway.authorization.metadata import ClusterMetadata
from gateway.authorization.roles import Role
from gateway.authorization.subject_roles import RoleSource, build_role
from gateway.requests import ACTIONS
from protocol.errors import ElasticsearchException
from protocol.exceptions import status_of
from protocol.messages.options import IndicesOptions

DocumentRules = tuple[tuple[Mapping[str, Any], ...], ...]
"""A document must match one query of each tuple."""
FieldRules = tuple[tuple[FieldSecurity, ...], ...]
"""A field must be shown by one rule of each tuple."""
Granting = tuple[tuple[Rule, AccessRules], ...]
"""All lines of a descriptor set that grant something, and what each of them shows."""


@dataclass(frozen=True)
class Explanation:
    """``requested``: the index expressions as they came. ``names``: what they stand for, once those that may not be seen are gone, and
    ``indices`` the concrete indices behind them; both ``None`` for a request that is not bound to indices or is denied. ``checks``: the
    rules that were looked at, name by name. ``granting``: all that grant each of the names, by descriptor set as in its check. ``access``:
    what is seen of those indices that are not shown whole.
    """

    action: str
    subject: Subject
    requested: tuple[str, ...]
    error: ElasticsearchException | None = None
    names: tuple[str, ...] | None = None
    indices: tuple[str, ...] | None = None
    checks: tuple[Check, ...] = ()
    granting: Mapping[str, tuple[Granting, ...]] = field(default_factory=dict)
    access: Mapping[str, IndexAccess] = field(default_factory=dict)

    @property
    def allowed(self) -> bool:
        return self.error is None

    @property
    def offered(self) -> bool:
        """Whether the gateway has a handler for the action: without one the client is told so, whatever is allowed."""
        return self.action in ACTIONS

    @property
    def denied_by(self) -> tuple[str, ...]:
        """The descriptor sets that allow something not."""
        return tuple(
            dict.fromkeys(
                origin
                for check in self.checks
                for origin, rule in zip(check.origins, check.rules, strict=True)
                if self.error is not None and rule is None
            )
        )

    @property
    def documents(self) -> Mapping[str, DocumentRules]:
        """For each index, the queries that restrict its documents: none are all documents."""
        return {index: self._access_to(index).queries for index in self.indices or ()}

    @property
    def fields(self) -> Mapping[str, FieldRules | None]:
        """For each index, the rules that restrict its fields: ``None`` are all fields."""
        return {index: _field_rules(self._access_to(index)) for index in self.indices or ()}

    def to_json(self) -> dict[str, Any]:
        """See docs/explain.md."""
        authentication = self.subject.authentication
        key = self.subject.key
        body: dict[str, Any] = {
            "allowed": self.allowed,
            "action": self.action,
            "offered": self.offered,
            "user": self.subject.principal,
        }
        if authentication.authenticating_user is not None:
            body["authenticated_by"] = authentication.authenticating_user.username
        if key is not None:
            body["api_key"] = key.id
        body["requested"] = list(self.requested)
        if self.error is not None:
            body["error"] = _error_json(self.error)
            body["denied_by"] = list(self.denied_by)
        body["names"] = None if self.names is None else list(self.names)
        body["checks"] = [self._check_json(check) for check in self.checks]
        body["indices"] = None if self.indices is None else {index: self._index_json(index) for index in self.indices}
        return body

    def text(self) -> str:
        """For people, on several lines."""
        return "\n".join(self._lines())

    def _access_to(self, index: str) -> IndexAccess:
        return self.access.get(index, EVERYTHING)

    def _index_json(self, index: str) -> dict[str, Any]:
        access = self._access_to(index)
        fields = _field_rules(access)
        body: dict[str, Any] = {
            "documents": [[dict(query) for query in one] for one in access.queries] or None,
            "fields": None if fields is None else [[_field_json(rule) for rule in one] for one in fields],
        }
        if access.problem is not None:
            body["error"] = _error_json(access.problem)
        return body

    def _check_json(self, check: Check) -> dict[str, Any]:
        sets = [
            {"origin": origin, "rules": [_rule_json(rule, shows) for rule, shows in granting]}
            for origin, granting in zip(check.origins, self._granting(check), strict=True)
        ]
        return {"name": check.name, "allowed": check.allowed, "sets": sets}

    def _granting(self, check: Check) -> Sequence[Granting]:
        found = None if check.name is None else self.granting.get(check.name)
        return found or [() if rule is None else ((rule, UNRESTRICTED),) for rule in check.rules]

    def _lines(self) -> Iterator[str]:
        on = f" on [{', '.join(self.requested)}]" if self.requested else ""
        yield f"{'allowed' if self.allowed else 'denied'}: {self.action}{on}"
        yield f"  for {_who(self.subject)}"
        if not self.offered:
            yield "  but this gateway does not have the action: the client gets an action_not_found_transport_exception"
        if self.error is not None:
            yield ""
            yield "the client gets"
            error: ElasticsearchException | None = self.error
            while error is not None:
                status = f" ({status_of(error)})" if error is self.error else ""
                yield f"  {'' if error is self.error else 'caused by '}{error.type}{status}: {error.reason}"
                error = error.cause
        if self.checks:
            yield ""
            yield "by these rules"
            for check in self.checks:
                yield f"  {self.action if check.name is None else check.name}: {'allowed' if check.allowed else 'denied'}"
                for origin, granting in zip(check.origins, self._granting(check), strict=True):
                    yield from (f"    {rule}{_within(shows)}" for rule, shows in granting)
                    if not granting:
                        yield f"    {origin}: nothing grants it"
        if self.indices is not None:
            yield ""
            yield "what is seen" if self.indices else "no index is left, so nothing is seen"
            for index in self.indices:
                yield from _access_lines(index, self._access_to(index))


def explain(role: Role, action: str, names: Sequence[str], options: IndicesOptions, metadata: ClusterMetadata) -> Explanation:
    """The decision over a request, as the gateway takes it. Raises nothing that a request can bring about."""
    requested = tuple(names)
    try:
        grant = authorize(role, action, requested, options, metadata)
        # Which lines allow takes more work than whether any does, so that patterns may turn out to be too complex here.
        checks = tuple(grant.checks)
        granting = _granting(role, action, grant.names or (), metadata)
    except ElasticsearchException as error:
        denied = tuple(error.checks) if isinstance(error, Denied) else ()
        return Explanation(action, role.subject, requested, error, checks=denied)
    return Explanation(
        action,
        role.subject,
        requested,
        names=grant.names,
        indices=None if grant.indices is None else tuple(sorted(grant.indices)),
        checks=checks,
        granting=granting,
        access=grant.access,
    )


def explain_subject(
    subject: Subject, roles: RoleSource, action: str, names: Sequence[str], options: IndicesOptions, metadata: ClusterMetadata
) -> Explanation:
    """As ``explain``, from before the role is there: a subject that can have none is denied everything."""
    try:
        role = build_role(subject, roles)
    except ElasticsearchException as error:
        return Explanation(action, subject, tuple(names), error)
    return explain(role, action, names, options, metadata)


def _granting(role: Role, action: str, names: Sequence[str], metadata: ClusterMetadata) -> dict[str, tuple[Granting, ...]]:
    """What a check leaves out, which stops at the first line: a further one may show more."""
    if role.system:
        return {}
    resources = [as_resource(name, metadata) for name in names]
    return {
        resource.expression: tuple(
            tuple((rule, group.shows) for rule, group in one.index_rules(action, resource)) for one in role.sets
        )
        for resource in resources
    }


def _field_rules(access: IndexAccess) -> FieldRules | None:
    if access.fields is None:
        return None
    return tuple(tuple(sorted(one, key=_field_text)) for one in access.fields.rules)


def _field_json(rule: FieldSecurity) -> dict[str, Any]:
    return {"grant": None if rule.grant is None else list(rule.grant), "except": list(rule.exclude)}


def _field_text(rule: FieldSecurity) -> str:
    granted = "*" if rule.grant is None else ", ".join(rule.grant)
    return f"[{granted}]" + (f" except [{', '.join(rule.exclude)}]" if rule.exclude else "")


def _error_json(error: ElasticsearchException) -> dict[str, Any]:
    body: dict[str, Any] = {"type": error.type, "status": status_of(error), "reason": error.reason}
    if error.cause is not None:
        body["caused_by"] = _error_json(error.cause)
    return body


def _rule_json(rule: Rule, shows: AccessRules) -> dict[str, Any]:
    return {
        "descriptor": rule.descriptor,
        "privilege": rule.privilege,
        "pattern": rule.pattern,
        "document_rules": shows.queries is not None,
        "field_rules": shows.fields is not None,
    }


def _within(shows: AccessRules) -> str:
    restricted = [what for what, rules in (("documents", shows.queries), ("fields", shows.fields)) if rules is not None]
    return f", within its {' and '.join(restricted)}" if restricted else ""


def _who(subject: Subject) -> str:
    authentication = subject.authentication
    user = f"user [{subject.principal}]"
    if subject.key is not None:
        return f"{user} with API key [{subject.key.id}]"
    roles = f"roles [{', '.join(authentication.user.roles)}]"
    if authentication.authenticating_user is None:
        return f"{user} with {roles}"
    acting = authentication.authenticating_user
    return f"{user} with {roles}, authenticated by [{acting.username}] with roles [{', '.join(acting.roles)}]"


def _access_lines(index: str, access: IndexAccess) -> Iterator[str]:
    yield f"  {index}"
    if access.problem is not None:
        yield f"    every read fails: {access.problem.type}: {access.problem.reason}"
    documents = [" or ".join(json.dumps(dict(query), ensure_ascii=False) for query in one) for one in access.queries]
    yield from _conjunction("documents", documents)
    yield from _conjunction("fields", [" or ".join(map(_field_text, one)) for one in _field_rules(access) or ()])


def _conjunction(what: str, rules: Sequence[str]) -> Iterator[str]:
    if not rules:
        yield f"    all {what}"
    for number, rule in enumerate(rules):
        yield f"    {what if number == 0 else 'and':<{len(what)}} {'matching' if what == 'documents' else 'in'} {rule}"
