"""``rcgateway demo``: a gateway on the in-memory cluster, ready to be pointed at."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.commands.serve import run_gateway
from gateway.demo.start import Demo, prepare

INSTRUCTIONS = """
The gateway is set up in {folder}, with an example cluster of logs and products.

API key model: copy {ca} into the configuration folder of a local Elasticsearch
node (8.19 or 9.x) as ca-demo.crt, and give it

  elasticsearch.yml   xpack.security.remote_cluster_client.ssl.certificate_authorities: ca-demo.crt
  keystore            bin/elasticsearch-keystore add cluster.remote.demo.credentials
                      {encoded}

then, on the running node:

  PUT _cluster/settings
  {{"persistent": {{"cluster.remote.demo": {{"mode": "proxy", "proxy_address": "localhost:9443"}}}}}}

  GET _remote/info
  GET demo:logs-*/_search

Certificate model (port 9300, mutual TLS): {client} and {client_key}
are a client's, and the role demo_reader is in {folder}/roles.yml.

Another key:   rcgateway keys create NAME --access '{{"search":[{{"names":["logs-*"]}}]}}' --config {config}
Stop it with Ctrl-C.
"""


@click.command()
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path("data/demo"), show_default=True, help="Where everything is put."
)
@click.option("--ready-file", type=click.Path(path_type=Path), help="As for `serve`.")
def demo(folder: Path, ready_file: Path | None) -> None:
    """Set up an example gateway, say how to use it, and run it."""
    made = prepare(folder)
    click.echo(_instructions(folder, made))
    run_gateway(made.config, ready_file)


def _instructions(folder: Path, made: Demo) -> str:
    return INSTRUCTIONS.format(
        folder=folder,
        ca=made.certificates.ca_certificate,
        client=made.certificates.client_certificate,
        client_key=made.certificates.client_key,
        encoded=made.encoded,
        config=made.config,
    )
