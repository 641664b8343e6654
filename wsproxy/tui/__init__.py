"""
The terminal UI: a process of its own, which reads the capture and commands the engine.

The only code that touches Textual. It meets the engine in the capture file (read-only) and in the control
API (`wsproxy.control.client`); the proxy never waits for it.
"""
