"""
WebSocket on the wire, sans-I/O: bytes in, facts out.

Nothing in this package opens a socket, reads a clock, starts a thread or logs. The engine, the
replay and the tests all drive the same objects.
"""
