"""One document of a remote cluster by its id, and the terms of a field over several of them."""

from __future__ import annotations

import heapq
from dataclasses import replace
from itertools import groupby, islice

from gateway.client.asking import ask_all, ask_one, required
from gateway.client.expressions import group, one
from gateway.client.remote import Caller, Remotes
from protocol.messages.get import GET, GetRequest, GetResponse
from protocol.messages.terms_enum import TERMS_ENUM, TermsEnumRequest, TermsEnumResponse


async def get(remotes: Remotes, caller: Caller, request: GetRequest) -> GetResponse:
    """``request.index`` is ``alias:index``, and so is the answer's."""
    alias, name = one(request.index or "", remotes)
    response = await ask_one(remotes, caller, GET, alias, replace(request, index=name), GetResponse)
    return replace(response, index=f"{alias}:{response.index}")


async def terms_enum(remotes: Remotes, caller: Caller, request: TermsEnumRequest) -> TermsEnumResponse:
    """Each term once, in order. Not ``complete`` where a cluster is not, or was skipped."""
    groups = group(request.indices, remotes)
    answers = await ask_all(
        remotes, caller, TERMS_ENUM, groups, lambda _, indices: replace(request, indices=indices), TermsEnumResponse
    )
    came = required(remotes, TERMS_ENUM, answers)
    merged = TermsEnumResponse(
        total_shards=sum(each.successful_shards + each.failed_shards for each in came.values()),
        successful_shards=sum(each.successful_shards for each in came.values()),
        failed_shards=sum(each.failed_shards for each in came.values()),
        complete=not answers.failed and all(each.complete and not each.failed_shards for each in came.values()),
    )
    for alias, each in came.items():
        merged.failures += [replace(failure, index=f"{alias}:{failure.index}") for failure in each.failures]
    # As UTF-16 units, which is how Java compares strings.
    ordered = heapq.merge(*(each.terms for each in came.values()), key=lambda term: term.encode("utf-16-be", "surrogatepass"))
    merged.terms = list(islice((term for term, _ in groupby(ordered)), request.size))
    return merged
