"""One way to reach an MQTT broker, for source and sink."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from edge_runtime.common.secret import secret
from edge_runtime.errors import UsageError, missing_extra

_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True)
class MqttAddress:
    """Where a broker is, and the topic there.

    Parameters
    ----------
    host : str
    port : int
    tls : bool
    topic : str
        Empty if none was given.
    options : dict of str to str
        The options after the question mark.
    """

    host: str
    port: int
    tls: bool
    topic: str
    options: dict[str, str]

    @classmethod
    def parse(cls, spec: str, known_options: tuple[str, ...]) -> MqttAddress:
        """Parse ``mqtt://host:port/topic?option=value``; ``mqtts`` is TLS.

        Raises
        ------
        UsageError
            If it has another form, or holds a password.

        Examples
        --------
        >>> MqttAddress.parse("mqtt://broker/plant/pump?qos=0", ("qos",))
        MqttAddress(host='broker', port=1883, tls=False, topic='plant/pump', options={'qos': '0'})
        """
        scheme, _, rest = spec.partition("://")
        rest, _, query = rest.partition("?")
        place, _, topic = rest.partition("/")
        if "@" in place:
            raise UsageError(
                "an MQTT address must not contain a user name or password: every process list shows it. "
                "Set SAELITE_MQTT_USERNAME and SAELITE_MQTT_PASSWORD, or SAELITE_MQTT_PASSWORD_FILE."
            )
        host, _, port = place.partition(":")
        options = dict(parse_qsl(query, keep_blank_values=True))
        unknown = sorted(set(options) - set(known_options))
        if scheme not in _PORTS or not host or not (port or "1").isdigit() or unknown:
            options_text = f" with options {', '.join(known_options)}" if known_options else ""
            raise UsageError(f"expected mqtt://HOST[:PORT]/TOPIC{options_text}. Received: {spec!r}")
        return cls(host, int(port or _PORTS[scheme]), scheme == "mqtts", unquote(topic), options)


def mqtt_client(address: MqttAddress) -> Any:
    """Return a paho client with credentials and TLS from environment variables, not yet connected.

    SAELITE_MQTT_USERNAME, and SAELITE_MQTT_PASSWORD or the file SAELITE_MQTT_PASSWORD_FILE; for a broker with
    its own certificate SAELITE_MQTT_CA_FILE.

    Raises
    ------
    MissingExtraError
        If paho-mqtt is not installed.
    UsageError
        If the password file cannot be read.
    """
    try:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError as error:
        raise missing_extra("paho-mqtt", "mqtt", "an MQTT source or sink") from error
    client = Client(CallbackAPIVersion.VERSION2)
    user = os.environ.get("SAELITE_MQTT_USERNAME")
    if user:
        client.username_pw_set(user, secret("SAELITE_MQTT_PASSWORD"))
    if address.tls:
        client.tls_set(os.environ.get("SAELITE_MQTT_CA_FILE"))
    client.reconnect_delay_set(1, 30)
    return client
