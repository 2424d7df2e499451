"""``rcgateway report``: what the audit tells."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from gateway.commands.common import print_json
from gateway.reports.migration import ALIAS, LocalCluster, migration_report
from gateway.reports.reading import events_of, lines_of


@click.group()
def report() -> None:
    """Reports out of the events of the audit."""


@report.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, allow_dash=True), metavar="[FILE]...")
@click.option(
    "--cluster",
    "patterns",
    metavar="NAME=PATTERN",
    multiple=True,
    help="Put all clients whose certificate's subject matches (with `*`) together, under a name. May be given several times.",
)
@click.option(
    "--alias", default=ALIAS, show_default=True, help="The name of this cluster on the local ones, for the roles there."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, as docs/audit.md has it.")
def migration(files: tuple[Path, ...], patterns: tuple[str, ...], alias: str, as_json: bool) -> None:
    """What each local cluster needs to go from certificates to an API key.

    Reads audit events from files (or from standard input), and prints for each local cluster, which is told by the subject of its
    certificate, the smallest access for `keys create` that would have allowed what it did, and the roles that its users need there.
    """
    clusters = {}
    for each in patterns:
        name, separator, pattern = each.partition("=")
        if not name or not separator or not pattern:
            raise click.UsageError("--cluster must be NAME=PATTERN, as in east='CN=es-east-*'.", click.get_current_context())
        clusters[name] = pattern
    found = migration_report(events_of(_lines(files)), clusters)
    if as_json:
        print_json({"clusters": [cluster.to_json(alias) for cluster in found]})
    elif not found:
        click.echo("no request of the certificate model was allowed in these events")
    else:
        click.echo("\n\n".join("\n".join(_text(cluster, alias)) for cluster in found))


def _lines(files: tuple[Path, ...]) -> Iterator[str]:
    for path in files or (Path("-"),):
        if str(path) == "-":
            yield from (line.decode("utf-8", "replace") for line in sys.stdin.buffer)
        else:
            yield from lines_of(path)


def _text(cluster: LocalCluster, alias: str) -> Iterator[str]:
    yield f"local cluster [{cluster.name}]"
    for subject in sorted(cluster.subjects - {cluster.name}):
        yield f"  certificate {subject}"
    yield f"  {cluster.requests} requests from {cluster.first} to {cluster.last}"
    access = cluster.access()
    if access is None:
        yield "  used no index, so it needs no key for what it did"
    else:
        yield "  a key for it:"
        yield f"    rcgateway keys create NAME --access '{json.dumps(access, ensure_ascii=False)}'"
    for entry in cluster.roles(alias):
        yield f"  users {_listed(entry['users'])} with roles {_listed(entry['roles'])} need on the local cluster:"
        yield f"    {json.dumps(entry['role'], ensure_ascii=False)}"
    yield from _notes(cluster)


def _notes(cluster: LocalCluster) -> Iterator[str]:
    for what, rules in (("document", cluster.document_rules), ("field", cluster.field_rules)):
        for index, roles in sorted(rules.items()):
            yield (
                f"  note: {what} rules of roles {_listed(roles)} held on [{index}]; they have to be written anew, "
                "in the access of the key or in the roles of the local cluster"
            )
    for (action, name), count in sorted(cluster.refused.items(), key=str):
        yield f"  note: no key allows [{action}]{'' if name is None else f' on [{name}]'}, used {count} times"
    if cluster.expressions:
        yield f"  note: asked for by wildcards, so indices to come are not in the access: {_listed(cluster.expressions)}"
    if cluster.failed:
        yield f"  note: {cluster.failed} requests were allowed and failed; they do not count here"
    if cluster.missing:
        yield f"  note: {cluster.missing} names are not in the events (see [audit.max_indices]), so the access is too small"


def _listed(names: Iterable[str]) -> str:
    return f"[{', '.join(sorted(names))}]"
