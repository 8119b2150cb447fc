"""``saelite fleet watch``."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import click

from edge_runtime.errors import UsageError
from saelite.plain import plain, tell

if TYPE_CHECKING:
    from edge_runtime.common.mqtt_client import MqttAddress


@click.command()
@click.argument("broker", metavar="mqtt://HOST[:PORT][/PREFIX]")
@click.option("--listen", metavar="[HOST:]PORT", default="127.0.0.1:8091", show_default=True,
              help="Where to serve the page. Beyond this computer it demands SAELITE_WEB_TOKEN or "
              "SAELITE_WEB_TOKEN_FILE.")  # fmt: skip
@click.option("--once", is_flag=True, help="Print a table, the worst first, instead of serving a page.")
def watch(broker: str, listen: str, once: bool) -> None:
    """Show all machines that publish to a broker on one page, the worst first.

    Machines appear by themselves: those of `saelite run --sink mqtt://…`, up to four levels below PREFIX, by default
    `saelite`. mqtts:// is TLS. SAELITE_MQTT_USERNAME, and SAELITE_MQTT_PASSWORD or SAELITE_MQTT_PASSWORD_FILE, name the
    user, and SAELITE_MQTT_CA_FILE the certificate of a broker with its own.

    With --once the exit code is 1 if a machine needs a look: an alarm, offline, without readings, or drifting.

    \b
    Examples:
      saelite fleet watch mqtt://broker
      saelite fleet watch mqtts://broker/plant/hall2 --listen 0.0.0.0:8091
      saelite fleet watch mqtt://broker --once
    """
    from edge_runtime.common.mqtt_client import MqttAddress

    address = MqttAddress.parse(broker, ())
    if once:
        _print_once(address)
    else:
        _serve(address, listen)


def _print_once(broker: MqttAddress) -> None:
    from saelite.watching.terminal import fleet_text
    from saelite.watching.watch import look_once

    fleet = look_once(broker, lambda _: None)
    click.echo(plain(fleet_text(fleet, time.time())))
    if any(condition.needs_a_look for condition in fleet.counts()):
        raise SystemExit(1)


def _serve(broker: MqttAddress, listen: str) -> None:
    from edge_runtime.page.address import PageAddress
    from edge_runtime.running.signals import listen_to_signals
    from saelite.watching.watch import FleetPage

    address = PageAddress.at(listen)
    if address is None:
        raise UsageError(f"--listen: expected [HOST:]PORT, with a port up to 65535. Received: {listen!r}")
    page = FleetPage(broker, address, tell)
    host = f"[{address.host}]" if ":" in address.host else address.host
    tell(f"the page of the fleet is at http://{host}:{page.port}/")
    stopped = threading.Event()
    listen_to_signals(stopped.set, lambda: None)
    stopped.wait()
    page.close()
