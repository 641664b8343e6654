"""
Say again what was said: a capture as the client of a real server, or as the server of a real client.

Last of all stations of a frame: it was recorded, and goes out once more. Sans the engine: nothing here
touches mitmproxy.
"""
