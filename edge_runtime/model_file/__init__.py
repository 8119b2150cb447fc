"""The one file a device needs: container, manifest, signature, and what is checked before anything runs."""
