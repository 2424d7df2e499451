"""``rcgateway search``: a search on remote clusters, as a user of the local cluster in ``local.yml``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from gateway.commands.common import print_json
from protocol.errors import ElasticsearchException

if TYPE_CHECKING:
    from gateway.client.local import LocalCluster

Json = dict[str, Any]

_NOT_PULLED = ("aggs", "aggregations", "from", "suggest", "collapse", "profile", "pit", "search_after")
"""Parts of a body that belong to one page or to the answer as a whole."""
BAR_HITS = 5_000
"""Hits from which on a pull has a progress bar."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One search. ``size``: hits at most; ``None`` is 10, and all of them for NDJSON."""

    indices: str
    body: Json
    query_string: str | None
    size: int | None
    fields: tuple[str, ...]
    params: Json = field(default_factory=dict)


@click.command()
@click.argument("indices", metavar="ALIAS:INDEX,...")
@click.option(
    "--config", "config", type=click.Path(path_type=Path), default=Path("local.yml"), show_default=True, help="The settings file."
)
@click.option(
    "--query", "file", metavar="FILE|-", type=click.File("rb"), help="A file with the body of the search in JSON; - is the input."
)
@click.option("-q", "query_string", metavar="TEXT", help="A query string, such as 'level:error AND host:web*'.")
@click.option("--user", help="One of the users in the settings; not needed where there is one.")
@click.option("--size", type=click.IntRange(min=0), help="Hits at most: 10, and for ndjson all, when not given.")
@click.option("--fields", help="Fields to show, with commas between.")
@click.option("--output", type=click.Choice(["json", "ndjson", "table"]), default="json", show_default=True, help="See above.")
def search(
    indices: str,
    config: Path,
    file: Any,
    query_string: str | None,
    user: str | None,
    size: int | None,
    fields: str | None,
    output: str,
) -> int:
    """Search on remote clusters.

    json prints the answer as Elasticsearch's REST API does. ndjson pulls all hits, one on a line, with a progress bar on long pulls. table
    shows the hits to people. Exit status 1 when the search fails or no cluster answers; what a cluster has not answered is told on
    standard error.
    """
    # Imported late: the other commands should not wait for all codecs.
    from gateway.client.local import open_local_cluster
    from gateway.commands import local as common

    if file is not None and query_string is not None:
        raise click.UsageError("--query and -q are two ways to say what is searched, give one")
    listed = tuple(name.strip() for name in (fields or "").split(",") if name.strip())
    wanted = Wanted(indices, {} if file is None else _body(file), query_string, size, listed)
    settings = common.local_settings(config)
    who = common.chosen_user(settings, user)
    if who is None:
        raise click.UsageError(f"there are no users in {config}: add one, as in [users.{user or 'alice'}.roles: [...]]")
    settings = common.only(settings, _aliases(indices, settings.remotes))
    shown = {"json": _print_answer, "ndjson": _pull, "table": _print_table}[output]
    failures: list[Exception] = []
    complete: list[bool] = []

    async def work() -> None:
        async with open_local_cluster(settings) as cluster:
            try:
                complete.append(await shown(cluster, who, wanted))
            except (ElasticsearchException, OSError, click.ClickException) as error:
                failures.append(error)

    common.run(work)
    if failures:
        if output == "json" and isinstance(failures[0], ElasticsearchException):
            from protocol.exceptions.rest import rest_error

            print_json(rest_error(failures[0]))
        raise failures[0]
    return 0 if all(complete) else 1


def _body(file: Any) -> Json:
    text = file.read()
    try:
        body = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"[{file.name}] is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise click.UsageError(f'[{file.name}] is no body of a search, which is an object such as {{"query": {{…}}}}')
    return body


def _aliases(indices: str, known: Iterable[str]) -> set[str]:
    """The remote clusters that are named; all of them where patterns name some."""
    named = {expression.partition(":")[0] for expression in indices.split(",") if ":" in expression}
    return set(known) if any(alias.startswith("-") or "*" in alias for alias in named) else named


def _asked(wanted: Wanted) -> tuple[Json, Json]:
    """Body and parameters."""
    body = dict(wanted.body)
    if wanted.size is not None:
        body["size"] = wanted.size
    if wanted.fields:
        body["_source"] = list(wanted.fields)
    params = dict(wanted.params)
    if wanted.query_string is not None:
        params["q"] = wanted.query_string
    return body, params


async def _print_answer(cluster: LocalCluster, user: str, wanted: Wanted) -> bool:
    body, params = _asked(wanted)
    answer = await cluster.search(user, wanted.indices, body, **params)
    print_json(answer)
    return _complete(answer)


async def _pull(cluster: LocalCluster, user: str, wanted: Wanted) -> bool:
    """All hits, or as many as are wanted, page by page."""
    if unfit := [name for name in _NOT_PULLED if name in wanted.body]:
        raise click.UsageError(f"[{unfit[0]}] does not go with ndjson, which pulls hits alone; use --output json")
    body, _ = _asked(wanted)
    limit = body.pop("size", None)
    if wanted.query_string is not None:
        body["query"] = {"query_string": {"query": wanted.query_string}}
    # Imported late, as above.
    from gateway.commands.pulling import pull

    query = {"query": body["query"]} if "query" in body else {}
    total = (await cluster.count(user, wanted.indices, query))["count"]
    total = total if limit is None else min(total, limit)
    hidden = total < BAR_HITS or not is_terminal(sys.stderr)
    left = total if limit is None else limit
    with click.progressbar(length=total, label="hits", file=sys.stderr, hidden=hidden) as bar:
        if limit == 0:
            return True
        async with aclosing(pull(cluster, user, wanted.indices, body)) as hits:
            async for hit in hits:
                # Without the place in the pull, which nobody has asked for.
                shown = hit if "sort" in body else {name: value for name, value in hit.items() if name != "sort"}
                click.echo(json.dumps(shown, ensure_ascii=False))
                bar.update(1)
                left -= 1
                if limit is not None and left <= 0:
                    break
    return True


def is_terminal(stream: TextIO) -> bool:
    return stream.isatty()


async def _print_table(cluster: LocalCluster, user: str, wanted: Wanted) -> bool:
    from gateway.commands.tables import table

    body, params = _asked(wanted)
    answer = await cluster.search(user, wanted.indices, body, **params)
    hits = answer["hits"]["hits"]
    for line in table(hits, wanted.fields):
        click.echo(line)
    total = answer["hits"].get("total")
    found = "" if total is None else f" of {'at least ' if total['relation'] == 'gte' else ''}{total['value']}"
    click.echo(f"{len(hits)}{found} hits, {answer['took']} ms", err=True)
    if "aggregations" in answer:
        click.echo("aggregations are shown with --output json", err=True)
    return _complete(answer)


def _complete(answer: Mapping[str, Any]) -> bool:
    """Whether any cluster answered; tells what did not."""
    shards = answer["_shards"]
    if shards["failed"]:
        reason = shards["failures"][0]["reason"]["reason"] if shards.get("failures") else "see their logs"
        click.echo(f"warning: {shards['failed']} of {shards['total']} shards failed: {reason}", err=True)
    if answer["timed_out"]:
        click.echo("warning: the search timed out, and its answer is not complete", err=True)
    clusters = answer.get("_clusters", {}).get("details", {})
    missing = {alias: each for alias, each in clusters.items() if each["status"] in ("skipped", "failed")}
    for alias, each in missing.items():
        failures = each.get("failures", [])
        reason = failures[0]["reason"]["reason"] if failures else "no reason is told"
        click.echo(f"warning: remote cluster [{alias}] was left out: {reason} (see rcgateway check {alias})", err=True)
    return len(missing) < len(clusters) or not clusters
