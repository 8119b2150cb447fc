"""The one file a device needs: container, manifest, signature, and the checks before anything runs."""
