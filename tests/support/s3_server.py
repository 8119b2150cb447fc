"""A real S3 server on this machine: moto's."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

from broker import free_port

BUCKET = "plant"
KEYS = {"AWS_ACCESS_KEY_ID": "maker", "AWS_SECRET_ACCESS_KEY": "s3cret", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def s3_server():
    """Run the server; yield its address."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | KEYS,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
                break
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


def make_public_bucket(address, name):
    """Make a bucket that anyone may read."""
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=address,
        region_name=KEYS["AWS_DEFAULT_REGION"],
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket=name, ACL="public-read")
    return client
