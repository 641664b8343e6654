"""Payload to something a person can read; never to something a terminal obeys."""
