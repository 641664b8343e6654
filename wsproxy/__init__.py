"""wsproxy: an intercepting proxy that shows, keeps and replays WebSocket traffic."""

__version__ = "0.1.0"
