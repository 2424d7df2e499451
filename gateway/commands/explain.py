"""``rcgateway explain``: whether a request would be allowed, and why."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from gateway.authentication.api_keys import DEFAULT_USERNAME, FILE_NAME, ApiKeyStore
from gateway.authentication.subjects import CrossClusterKey, Subject, certificate_subject, cross_cluster_subject
from gateway.authorization.access import parse_access
from gateway.authorization.descriptors import descriptors_to_json
from gateway.authorization.local_roles import as_sent
from gateway.authorization.parsing import load_json, parse_role_descriptor
from gateway.authorization.reserved_roles import RESERVED_ROLES
from gateway.authorization.role_files import RoleStore
from gateway.commands.common import config_option, print_json, settings_from, text_argument
from gateway.config import ConfigError, Settings
from gateway.node import NodeIdentity
from protocol.errors import ElasticsearchException
from protocol.messages.options import IndicesOptions
from protocol.security import SYSTEM_USER, Authentication, AuthenticationType, RealmRef, SubjectInfo, User
from protocol.versions import V_8_19

SHORT_NAMES = {
    "search": "indices:data/read/search",
    "field_caps": "indices:data/read/field_caps",
    "terms_enum": "indices:data/read/xpack/termsenum/list",
    "get": "indices:data/read/get",
    "mget": "indices:data/read/mget",
    "msearch": "indices:data/read/msearch",
    "open_point_in_time": "indices:data/read/open_point_in_time",
    "scroll": "indices:data/read/scroll",
    "esql": "indices:data/read/esql",
    "eql": "indices:data/read/eql",
    "resolve_index": "indices:admin/resolve/index",
    "resolve_cluster": "indices:admin/resolve/cluster",
    "search_shards": "indices:admin/search_shards",
    "stats": "indices:monitor/stats",
    "remote_stats": "cluster:monitor/stats/remote",
    "state": "cluster:monitor/state",
    "info": "cluster:monitor/xpack/info",
}
"""What may be given for an action instead of its name."""

_LABEL = "local_user"
# Which realm vouched for the user decides nothing, but an Authentication has one.
_REALM = RealmRef(node_name="explain", name="explain", type="native")
_INTERNAL_REALM = RealmRef(node_name="explain", name="__attach", type="__attach")
_STATES = ("open", "closed", "hidden")


@click.command()
@click.argument("indices", nargs=-1, metavar="[INDEX]...")
@click.option("--key", "key_id", metavar="ID", help="A cross-cluster API key of the store.")
@click.option("--access", metavar="JSON", help="The access of a key that need not be there. @FILE reads it from a file.")
@click.option(
    "--descriptors",
    "descriptors",
    metavar="JSON",
    multiple=True,
    help='What the local cluster gives its user here: {"role": {"indices": […]}}. @FILE reads it from a file. '
    "Given several times, all of them must allow.",
)
@click.option(
    "--local-roles",
    "local_roles",
    metavar="JSON",
    multiple=True,
    help="Instead of --descriptors, roles of the local cluster, as its GET _security/role shows them, or names of built-in ones. "
    "Given several times, all of them must allow, as with the roles within an API key and those of its owner.",
)
@click.option("--alias", help="With --local-roles, the name that the local cluster has for this one.")
@click.option("--roles", metavar="NAMES", help="Certificate mode: the roles of the user, with commas between.")
@click.option("--user", help="The name of the user; `_system` is Elasticsearch itself.", default=_LABEL, show_default=True)
@click.option("--authenticated-by", metavar="NAME:ROLES", help="Certificate mode: who acts for the user (run-as).")
@click.option("--action", default="search", show_default=True, help=f"An action's name, or {', '.join(SHORT_NAMES)}.")
@click.option("--ignore-unavailable/--no-ignore-unavailable", default=False, help="Leave out what is missing.")
@click.option("--allow-no-indices/--no-allow-no-indices", default=True, help="Whether a wildcard may match nothing.")
@click.option("--expand-wildcards", default="open", show_default=True, help="open, closed, hidden, none, all; with commas.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, as docs/explain.md has it.")
@config_option
def explain(
    indices: tuple[str, ...],
    key_id: str | None,
    access: str | None,
    descriptors: tuple[str, ...],
    local_roles: tuple[str, ...],
    alias: str | None,
    roles: str | None,
    user: str,
    authenticated_by: str | None,
    action: str,
    ignore_unavailable: bool,
    allow_no_indices: bool,
    expand_wildcards: str,
    as_json: bool,
    config: Path,
) -> int:
    """Say whether a request is allowed, by which rules, and which documents and fields it sees.

    Give --key or --access, with --descriptors or --local-roles; or --roles for certificate mode. Index expressions are resolved among the
    indices that the gateway of the settings file would load. Exits with 0 when the request is allowed, with 1 when it is denied.
    """
    modes = [mode is not None for mode in (key_id, access, roles)]
    if sum(modes) != 1:
        raise _usage("Give one of --key, --access and --roles.")
    if roles is None and authenticated_by is not None:
        raise _usage("--authenticated-by goes with --roles.")
    if roles is not None and (descriptors or local_roles):
        raise _usage("--descriptors and --local-roles go with --key or --access.")
    if roles is None and bool(descriptors) == bool(local_roles) and user != SYSTEM_USER:
        raise _usage("Give one of --descriptors and --local-roles: what the local cluster gives its user here.")
    if bool(local_roles) != (alias is not None):
        raise _usage("--local-roles and --alias go together.")
    options = _options(expand_wildcards, ignore_unavailable, allow_no_indices)
    settings = settings_from(config)
    if roles is not None:
        subject = _certificate_subject(user, roles, authenticated_by)
    else:
        key = _stored_key(settings, key_id) if key_id is not None else _key_of(access or "")
        sets = [_descriptor_set(text) for text in descriptors] + [_sent(text, alias or "") for text in local_roles]
        subject = _key_subject(user, key, sets)
    # Imported late: the other commands should not wait for numpy.
    from gateway.backends.memory.backend import MemoryBackend
    from gateway.backends.memory.loading import LoadError
    from gateway.explain import explain_subject

    try:
        backend = MemoryBackend.load(settings.backend.memory.load, _IDENTITY)
    except LoadError as error:
        raise ConfigError([f"setting [backend.memory.load]: {error}"]) from error
    found = RoleStore.load(settings.path.roles)
    explanation = explain_subject(subject, found, SHORT_NAMES.get(action, action), indices, options, backend.metadata())
    if as_json:
        print_json(explanation.to_json())
    else:
        click.echo(explanation.text())
    return 0 if explanation.allowed else 1


# No request is answered here, so nobody sees who this is.
_IDENTITY = NodeIdentity("explain", "explain", "explain", "explain", "explain")


def _stored_key(settings: Settings, key_id: str) -> CrossClusterKey:
    if not (settings.path.data / FILE_NAME).exists():
        raise _usage(f"There is no key store in [{settings.path.data}].")
    with ApiKeyStore(settings.path.data) as store:
        key = store.get(key_id)
    if key is None:
        raise _usage(f"There is no API key with id [{key_id}].")
    if key.invalidated or key.is_expired(time.time_ns() // 1_000_000):
        state = "invalidated" if key.invalidated else "expired"
        click.echo(f"note: API key [{key_id}] is {state}, so every request is refused; this is what it would allow", err=True)
    return CrossClusterKey(key.id, key.username, json.dumps(dict(key.role_descriptors)).encode(), key.name)


def _key_of(access: str) -> CrossClusterKey:
    try:
        parsed = parse_access(text_argument(access))
    except ElasticsearchException as error:
        raise _usage(f"--access: {error.reason}") from error
    return CrossClusterKey("access", DEFAULT_USERNAME, json.dumps(dict(parsed.role_descriptors)).encode())


def _key_subject(user: str, key: CrossClusterKey, sets: list[dict[str, Any]]) -> Subject:
    encoded = [json.dumps(one).encode() for one in sets]
    return cross_cluster_subject(SubjectInfo(_authentication(user, ()), encoded), key)


def _sent(text: str, alias: str) -> dict[str, Any]:
    """A descriptor set as the local cluster makes it of its user's roles."""
    if text.lstrip().startswith(("{", "@")):
        try:
            roles = [parse_role_descriptor(name, body) for name, body in _object("--local-roles", text).items()]
        except ElasticsearchException as error:
            raise _usage(f"--local-roles: {error.reason}") from error
    else:
        unknown = [name for name in _names(text) if name not in RESERVED_ROLES]
        if unknown:
            raise _usage(f"--local-roles: there is no built-in role [{unknown[0]}].")
        roles = [RESERVED_ROLES[name] for name in _names(text)]
    sent = as_sent(roles, alias)
    if sent is None:
        click.echo(f"note: these roles give nothing on [{alias}], so the local cluster refuses the request itself", err=True)
        return {}
    return descriptors_to_json([sent])


def _descriptor_set(text: str) -> dict[str, Any]:
    value = _object("--descriptors", text)
    # A descriptor by itself, without its name, is meant as it is.
    return {"role": value} if any(isinstance(member, list) for member in value.values()) else value


def _object(option: str, text: str) -> dict[str, Any]:
    try:
        value = load_json(text_argument(text))
    except ElasticsearchException as error:
        raise _usage(f"{option}: {error.reason}") from error
    if not isinstance(value, dict):
        raise _usage(f'{option} must be a JSON object: {{"role": {{"indices": […]}}}}.')
    return value


def _certificate_subject(user: str, roles: str, authenticated_by: str | None) -> Subject:
    acting = None
    if authenticated_by is not None:
        name, colon, acting_roles = authenticated_by.partition(":")
        if not name or not colon:
            raise _usage("--authenticated-by must be NAME:ROLES, as in admin:superuser.")
        acting = User(name, roles=_names(acting_roles))
    return certificate_subject(_authentication(user, _names(roles), acting), "")


def _authentication(user: str, roles: list[str] | tuple[()], acting: User | None = None) -> Authentication:
    if user == SYSTEM_USER:
        return Authentication(User(user, internal=True), _INTERNAL_REALM, type=AuthenticationType.INTERNAL, version=V_8_19)
    looked_up = None if acting is None else _REALM
    return Authentication(
        User(user, roles=list(roles)), _REALM, authenticating_user=acting, looked_up_by=looked_up, version=V_8_19
    )


def _options(states: str, ignore_unavailable: bool, allow_no_indices: bool) -> IndicesOptions:
    chosen = _names(states)
    unknown = [state for state in chosen if state not in (*_STATES, "all", "none")]
    if unknown or not chosen or ("none" in chosen and len(chosen) > 1):
        raise _usage(f"--expand-wildcards: [{states}] is not allowed; allowed are [open, closed, hidden, none, all].")
    expanded = {f"expand_{state}": state in chosen or "all" in chosen for state in _STATES}
    return IndicesOptions(ignore_unavailable=ignore_unavailable, allow_no_indices=allow_no_indices, **expanded)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _usage(text: str) -> click.UsageError:
    return click.UsageError(text, click.get_current_context())
