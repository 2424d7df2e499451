"""What the user may do on the remote cluster, and on which indices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import trio

from gateway.authorization.local_roles import as_sent
from gateway.authorization.patterns import NamePatterns
from gateway.client.checking.speaking import Dialogue
from gateway.client.checking.steps import FaultError, Found
from gateway.client.users import find_user
from gateway.links.asking import receive, send
from protocol.errors import ElasticsearchException, WireError
from protocol.exceptions import unwrap
from protocol.messages.common import Request
from protocol.messages.options import IndicesOptions
from protocol.messages.resolve import RESOLVE_INDEX, ResolveIndexRequest, ResolveIndexResponse
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.versions import TransportVersion

MAX_NAMES: Final = 20
"""Expressions of the user's roles that are tried."""
MAX_SHOWN: Final = 10
"""Names of indices that are told."""
EVERYTHING: Final = "*"
PROBE: Final = "rcgateway-check"
"""What a wildcard stands for where it is asked whether a name may be searched at all, which no index has."""


@dataclass(slots=True)
class Rights:
    """``indices``: the expressions to try; none for those of the user's roles."""

    dialogue: Dialogue
    user: str
    indices: tuple[str, ...]

    async def privileges(self) -> Found:
        """The step ``privileges``: whether the user may search there at all."""
        alias, api_key = self.dialogue.model.alias, self.dialogue.model.api_key
        roles, missing = self._roles()
        try:
            self._headers()
        except ElasticsearchException as error:
            raise self._refused_here(error) from None
        try:
            # A wildcard that finds nothing costs nothing, and is refused to those who may not search at all.
            await self._ask(SEARCH, _search(f"{PROBE}*"))
        except ElasticsearchException as error:
            if not _denied(error):
                raise self._failed(f"{PROBE}*", error) from None
            mend = (
                "give the API key [search] access (PUT /_security/cross_cluster/api_key/<id> there)"
                if api_key
                else f"define the roles [{', '.join(roles + missing)}] on the remote cluster, with read and read_cross_cluster"
            )
            raise FaultError(
                "no_privileges",
                f"the remote cluster does not let [{self.user}] search: {error.reason}",
                mend,
                _error(error),
            ) from None
        text = f"[{self.user}] with the roles [{', '.join(roles or missing)}] may search on [{alias}]"
        details = {"user": self.user, "roles": roles, "missing_roles": missing if api_key else []}
        if not missing or not api_key:
            return Found(text, details)
        warning = FaultError(
            "role_not_found",
            f"the roles [{', '.join(missing)}] of [{self.user}] are not defined here",
            "define them in the file of [path.roles], or take them from the user",
        )
        return Found(text, details, (warning,))

    async def find_indices(self) -> Found:
        """The step ``indices``."""
        tried = self.indices or self._names_of_roles()
        found: dict[str, list[str]] = {}
        faults: list[FaultError] = []
        for expression in tried[:MAX_NAMES]:
            try:
                found[expression] = await self._try(expression)
            except FaultError as fault:
                faults.append(fault)
        if faults and (self.indices or not found):
            raise faults[0]
        names = list(dict.fromkeys(name for each in found.values() for name in each))
        more = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
        text = f"[{self.user}] sees {', '.join(names[:MAX_SHOWN])}{more}"
        return Found(text, {"indices": found}, tuple(faults))

    async def _try(self, expression: str) -> list[str]:
        """The names behind an expression, or what is wrong with it."""
        if expression.startswith("/"):
            expression = EVERYTHING  # an expression of roles, which requests do not know
        if not any(char in expression for char in "*,"):
            await self._search(expression)
            return [expression]
        try:
            names = await self._resolve(expression)
        except ElasticsearchException as error:
            raise self._failed(expression, error) from None
        if names:
            return names
        if expression != EVERYTHING and "," not in expression:
            # A name that no index has: it is refused as one that may not be searched, or else it does not exist.
            await self._search(expression.replace("*", PROBE), about=expression)
        raise FaultError(
            "no_index_seen",
            f"[{self.user}] sees no index that matches [{expression}]: there is none, or none may be seen",
            f"look at the indices of the remote cluster, and at what {self._limit} allows",
            {"expression": expression},
        )

    async def _search(self, name: str, about: str | None = None) -> None:
        """Raises the fault of a name that cannot be searched."""
        expression = about or name
        details: dict[str, Any] = {"expression": expression}
        try:
            await self._ask(SEARCH, _search(name))
        except ElasticsearchException as error:
            details |= _error(error)
            if error.type == "index_not_found_exception":
                what = f"no index matches [{about}]" if about else f"there is no index [{name}]"
                raise FaultError(
                    "index_not_found",
                    f"{what} on the remote cluster; [{self.user}] might search it",
                    "check the name for typing errors; see what there is with `GET _cat/indices` on the remote cluster",
                    details,
                ) from None
            if not _denied(error):
                raise self._failed(expression, error) from None
            raise self._denied_on(expression, name, error, details) from None

    def _denied_on(self, expression: str, name: str, error: ElasticsearchException, details: dict[str, Any]) -> FaultError:
        model = self.dialogue.model
        if not model.api_key:
            return FaultError(
                "index_denied",
                f"[{self.user}] may not search [{expression}]: {error.reason}",
                f"give the roles of [{self.user}] on the remote cluster the privileges read and read_cross_cluster on it",
                details,
            )
        if not self._covered_here(name):
            return FaultError(
                "index_denied_by_roles",
                f"the roles of [{self.user}] here do not allow to search [{expression}] on [{model.alias}]",
                f"add [{expression}] to the names of [remote_indices] for the cluster [{model.alias}], in a role of [{self.user}]",
                details,
            )
        return FaultError(
            "index_denied_by_key",
            f"the API key of [{model.credentials_setting}] does not allow to search [{expression}]; the roles of [{self.user}] here do",
            f"add [{expression}] to the names in [access.search] of the key (PUT /_security/cross_cluster/api_key/<id> there)",
            details,
        )

    def _covered_here(self, name: str) -> bool:
        sent = self._sent()
        return sent is not None and any(NamePatterns(entry.names)(name) for entry in sent.indices)

    def _names_of_roles(self) -> tuple[str, ...]:
        sent = self._sent() if self.dialogue.model.api_key else None
        names = [name for entry in sent.indices for name in entry.names] if sent is not None else []
        return tuple(dict.fromkeys(names)) or (EVERYTHING,)

    def _sent(self) -> Any:
        security = self.dialogue.security
        names = find_user(security.users, self.user).roles
        return as_sent([role for name in names if (role := security.roles.get(name)) is not None], self.dialogue.model.alias)

    def _roles(self) -> tuple[list[str], list[str]]:
        """Those of the user's roles that are known here, and the others."""
        security = self.dialogue.security
        try:
            names = find_user(security.users, self.user).roles
        except ElasticsearchException:
            known = ", ".join(security.users) or "nobody"
            raise FaultError(
                "unknown_user", f"there is no user [{self.user}] here, but {known}", f"add [{self.user}] to [users], with roles"
            ) from None
        return (
            [name for name in names if security.roles.get(name) is not None],
            [name for name in names if security.roles.get(name) is None],
        )

    def _refused_here(self, error: ElasticsearchException) -> FaultError:
        alias = self.dialogue.model.alias
        if not _denied(error):
            return FaultError(
                "bad_role",
                f"a role of [{self.user}] cannot be used: {error.reason}",
                "mend it in the file of [path.roles]; `rcgateway roles` shows what is wrong with each",
                _error(error),
            )
        _, missing = self._roles()
        absent = f" (the roles [{', '.join(missing)}] are not defined here)" if missing else ""
        return FaultError(
            "no_remote_privileges",
            f"no role of [{self.user}] gives anything on the remote cluster [{alias}]{absent}",
            f"add to a role of [{self.user}] in the file of [path.roles]: remote_indices: [{{clusters: [{alias}], names: [...], "
            "privileges: [read, read_cross_cluster]}]",
            _error(error),
        )

    def _failed(self, expression: str, error: ElasticsearchException) -> FaultError:
        return FaultError(
            "request_failed",
            f"a search of [{expression}] fails on the remote cluster: {error.reason or error.type}",
            "look at the log of the remote cluster",
            _error(error),
        )

    @property
    def _limit(self) -> str:
        return "the API key" if self.dialogue.model.api_key else f"each role of [{self.user}] there"

    async def _resolve(self, expression: str) -> list[str]:
        request = ResolveIndexRequest(
            names=expression.split(","), options=IndicesOptions(ignore_throttled=False, forbid_closed_indices=False)
        )
        payload, version = await self._ask(RESOLVE_INDEX, request)
        answer = ResolveIndexResponse.decode(payload, version)
        found = (answer.indices, answer.aliases, answer.data_streams)
        return [each.name for kind in found for each in kind]

    async def _ask(self, action: str, request: Request) -> tuple[bytes, TransportVersion]:
        """Raises the error that is the answer, without wrappers; WireError and trio.TooSlowError as one."""
        dialogue = self.dialogue
        link = dialogue.open_link
        try:
            with trio.fail_after(dialogue.seconds):
                answer = await receive(link, await send(link, action, request.encode(link.version), self._headers(), None))
        except ElasticsearchException as error:
            raise unwrap(error) from None
        except WireError as error:
            raise ElasticsearchException("transport_exception", str(error)) from None
        except trio.TooSlowError:
            reason = f"no answer within {dialogue.seconds:g}s"
            raise ElasticsearchException("receive_timeout_transport_exception", reason) from None
        return answer.payload, answer.version

    def _headers(self) -> dict[str, str]:
        dialogue = self.dialogue
        return dialogue.security.headers(self.user, dialogue.identity, SEARCH, dialogue.open_link.version)


def _search(expression: str) -> SearchRequest:
    return SearchRequest(indices=[expression], source={"size": 0, "track_total_hits": False, "terminate_after": 1})


def _denied(error: ElasticsearchException) -> bool:
    return error.type == "security_exception" and error.status == 403


def _error(error: ElasticsearchException) -> dict[str, Any]:
    return {"error": {"type": error.type, "reason": error.reason}}
