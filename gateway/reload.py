"""What is read again while the gateway runs, for the connections after: open ones stay.

Certificates, authorities, trust restrictions and the upstream's key are read again when their files change; ``gateway.yml`` on SIGHUP.
Of that, TLS, IP filters, signing and the upstream's key take effect at once (``merged``), and all else with the next start. What cannot
be used is told of, and what was before stays in force, as where Elasticsearch watches files.
"""

from __future__ import annotations

import mmap
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
import trio

from gateway.authentication.signatures import SignatureVerifier
from gateway.backends import Backend
from gateway.backends.relay.trust import tls_files
from gateway.config import ConfigError, Settings
from gateway.configuration.model import Group
from gateway.interfaces import OpenInterface
from gateway.tls import signing_authorities

log = structlog.get_logger("gateway.reload")

POLL_SECONDS = 1.0
"""How soon a changed file is noticed. Elasticsearch's resource watcher looks every five seconds."""

Stamp = tuple[int, int, int] | None


class Requests:
    """Counts how often ``gateway.yml`` was to be read again. The count is in memory that forked workers share, so that a worker
    that was about to start sees it too, which would miss a signal."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)

    @property
    def count(self) -> int:
        return int.from_bytes(self._memory[:])

    def add(self) -> None:
        """Only the first process calls this."""
        self._memory[:] = (self.count + 1).to_bytes(8)


@dataclass(slots=True)
class Reloader:
    """Keeps the interfaces of a process as the files say. ``settings`` are those in force, and ``read`` reads them anew.

    Made before the interfaces are opened, so that no change of a file in between is missed."""

    settings: Settings
    read: Callable[[], Settings]
    requests: Requests = field(default_factory=Requests)
    opened: Sequence[OpenInterface] = ()
    verifier: SignatureVerifier = field(default_factory=SignatureVerifier)
    backend: Backend | None = None
    _seen: dict[Path, Stamp] = field(init=False)
    _count: int = 0

    def __post_init__(self) -> None:
        self._seen = stamps(self.settings)

    def request(self) -> None:
        """Have all processes read ``gateway.yml`` again, if it can be used."""
        try:
            self.read()
        except ConfigError as error:
            log.error("settings not reloaded", problems=error.problems)
        else:
            self.requests.add()

    def catch_up(self) -> bool:
        """Take over what has changed since the last look; whether anything has.

        Raises ConfigError where it cannot be used. A process that has just been forked must end then: what it has of its parent may be
        what no longer holds.
        """
        count, seen = self.requests.count, stamps(self.settings)
        if count == self._count and seen == self._seen:
            return False
        reread, self._count, self._seen = count != self._count, count, seen
        read = self.read() if reread else self.settings
        settings = merged(self.settings, read)
        self._seen = stamps(settings)
        if later := list(_differences(settings, read)):
            log.warning("settings that take effect with the next start only", settings=later)
        self._apply(settings)
        return True

    def refresh(self) -> None:
        """Take over what has changed since the last look, or else log why not."""
        try:
            if self.catch_up():
                log.info("reloaded", interfaces=[each.name for each in self.opened])
        except ConfigError as error:
            log.error("not all reloaded, what was before stays in force", problems=error.problems)
        except Exception:
            log.exception("not reloaded, what was before stays in force")

    async def watch(self) -> None:
        """Look for changes for ever."""
        while True:
            await trio.sleep(POLL_SECONDS)
            self.refresh()

    async def wait_for_hangups(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take SIGHUP for a request, in the first process."""
        with trio.open_signal_receiver(signal.SIGHUP) as signals:
            task_status.started()
            async for _ in signals:
                self.request()
                self.refresh()

    def _apply(self, settings: Settings) -> None:
        """What cannot be used leaves only its own part as it was. Raises ConfigError at the end."""
        self.settings = settings
        problems = [problem for each in self.opened for problem in each.rebuild(settings)]
        try:
            self.verifier.trust(signing_authorities(settings))
        except ConfigError as error:
            problems += error.problems
        try:
            if self.backend is not None:
                self.backend.renew(settings)
        except ConfigError as error:
            problems += error.problems
        if problems:
            raise ConfigError(problems)


def merged(old: Settings, new: Settings) -> Settings:
    """The old settings with those of the new that are read again."""
    security, before = new.xpack.security, old.xpack.security

    def as_before(now: Any, then: Any) -> Any:
        return now.model_copy(update={"enabled": then.enabled})

    server = as_before(security.remote_cluster_server.ssl, before.remote_cluster_server.ssl)
    transport = as_before(security.transport.ssl, before.transport.ssl)
    renewed = before.model_copy(
        update={
            "remote_cluster_server": security.remote_cluster_server.model_copy(update={"ssl": server}),
            "transport": security.transport.model_copy(update={"ssl": transport}),
            "remote_cluster": security.remote_cluster,
            "filter": security.filter,
        }
    )
    relay = old.backend.relay.model_copy(
        update={name: getattr(new.backend.relay, name) for name in ("credentials", "credentials_file", "ssl")}
    )
    return old.model_copy(
        update={
            "xpack": old.xpack.model_copy(update={"security": renewed}),
            "cluster": old.cluster.model_copy(update={"remote": new.cluster.remote}),
            "backend": old.backend.model_copy(update={"relay": relay}),
        }
    )


def stamps(settings: Settings) -> dict[Path, Stamp]:
    """The files that are read again, with what changes when they do."""
    server, transport = settings.remote_cluster_ssl, settings.transport_ssl
    paths: list[Path | None] = []
    if settings.remote_cluster_server.enabled and server.enabled:
        paths += [server.certificate, server.key]
    if transport.enabled:
        paths += [transport.certificate, transport.key, transport.trust_restrictions.path, *transport.certificate_authorities]
    paths += settings.cluster.remote.signing.certificate_authorities
    if settings.backend.type == "relay":
        paths += [settings.backend.relay.credentials_file, *tls_files(settings.backend.relay)]
    return {path: stamp(path) for path in paths if path is not None}


def stamp(path: Path) -> Stamp:
    """What changes when a file does; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _differences(some: Group, other: Group, prefix: str = "") -> Iterator[str]:
    """The names of the settings that differ."""
    for name in type(some).model_fields:
        value, another = getattr(some, name), getattr(other, name)
        if isinstance(value, Group):
            yield from _differences(value, another, f"{prefix}{name}.")
        elif value != another:
            yield prefix + name
