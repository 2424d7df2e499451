"""Points in time and scrolls, each of one remote cluster: its ids get the alias in front, so that they find back to it."""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from functools import partial

from gateway.client.asking import ask_one, remote_failure, together
from gateway.client.expressions import group
from gateway.client.qualifying import qualify
from gateway.client.remote import Caller, Remotes
from protocol.errors import ElasticsearchException
from protocol.messages.contexts import (
    CLEAR_SCROLL,
    CLOSE_POINT_IN_TIME,
    OPEN_POINT_IN_TIME,
    SCROLL,
    ClearScrollRequest,
    ClosePointInTimeRequest,
    FreedResponse,
    OpenPointInTimeRequest,
    OpenPointInTimeResponse,
    ScrollRequest,
)
from protocol.messages.search_request import SEARCH, SearchRequest
from protocol.messages.search_response import SearchResponse


async def open_point_in_time(remotes: Remotes, caller: Caller, request: OpenPointInTimeRequest) -> OpenPointInTimeResponse:
    """Of one remote cluster: pages over several could not be told apart where hits sort alike."""
    groups = group(request.indices, remotes)
    if len(groups) != 1:
        raise _illegal(f"a point in time over [{len(groups)}] remote clusters is not supported by this client, only over one")
    ((alias, indices),) = groups.items()
    response = await ask_one(
        remotes, caller, OPEN_POINT_IN_TIME, alias, replace(request, indices=indices), OpenPointInTimeResponse
    )
    return replace(response, id=_with_alias(alias, response.id))


async def close_point_in_time(remotes: Remotes, caller: Caller, request: ClosePointInTimeRequest) -> FreedResponse:
    alias, own = _alias_of(request.id, remotes)
    return await ask_one(remotes, caller, CLOSE_POINT_IN_TIME, alias, replace(request, id=own), FreedResponse)


async def search_point_in_time(remotes: Remotes, caller: Caller, request: SearchRequest) -> SearchResponse:
    """A page; a cluster that fails is no answer, whatever ``skip_unavailable`` says."""
    source = request.source or {}
    pit = source["pit"]
    try:
        shown = urlsafe_b64decode(pit["id"])
    except ValueError:
        raise _illegal(f"invalid id: [{pit['id']}]") from None
    alias, own = _alias_of(shown, remotes)
    begun = time.monotonic()
    part = replace(
        request,
        source={**source, "pit": {**pit, "id": urlsafe_b64encode(own).decode()}},
        local_cluster_alias=alias,
        absolute_start_millis=time.time_ns() // 1_000_000,
    )
    response = await ask_one(remotes, caller, SEARCH, alias, part, SearchResponse)
    response.took = int((time.monotonic() - begun) * 1000)
    if response.pit_id is not None:
        response.pit_id = _with_alias(alias, response.pit_id)
    return response


def shown_page(alias: str, response: SearchResponse) -> None:
    """Makes a page of a scroll what is shown here."""
    qualify(response, alias)
    if response.scroll_id is not None:
        response.scroll_id = f"{alias}:{response.scroll_id}"


async def scroll(remotes: Remotes, caller: Caller, request: ScrollRequest) -> SearchResponse:
    """The next page."""
    alias, own = _scroll_of(request.scroll_id, remotes)
    response = await ask_one(remotes, caller, SCROLL, alias, replace(request, scroll_id=own), SearchResponse)
    shown_page(alias, response)
    return response


async def clear_scroll(remotes: Remotes, caller: Caller, request: ClearScrollRequest) -> FreedResponse:
    """Scrolls of any of the remote clusters."""
    by_alias: dict[str, list[str]] = {}
    for scroll_id in request.scroll_ids:
        alias, own = _scroll_of(scroll_id, remotes)
        by_alias.setdefault(alias, []).append(own)
    merged = FreedResponse(succeeded=True, freed=0)

    async def clear(alias: str, ids: list[str]) -> None:
        try:
            part = await remotes[alias].ask(caller, CLEAR_SCROLL, replace(request, scroll_ids=ids), FreedResponse)
        except ElasticsearchException as error:
            raise remote_failure(alias, error) from error
        merged.succeeded &= part.succeeded
        merged.freed += part.freed

    await together([partial(clear, alias, ids) for alias, ids in by_alias.items()])
    return merged


def _with_alias(alias: str, own: bytes) -> bytes:
    return alias.encode() + b":" + own


def _alias_of(shown: bytes, remotes: Remotes) -> tuple[str, bytes]:
    alias, _, own = shown.partition(b":")
    name = alias.decode(errors="replace")
    if name not in remotes:
        raise _illegal("the point in time is of none of the remote clusters")
    return name, own


def _scroll_of(shown: str, remotes: Remotes) -> tuple[str, str]:
    alias, _, own = shown.partition(":")
    if alias not in remotes:
        raise _illegal("Cannot parse scroll id")
    return alias, own


def _illegal(reason: str) -> ElasticsearchException:
    return ElasticsearchException("illegal_argument_exception", reason)
