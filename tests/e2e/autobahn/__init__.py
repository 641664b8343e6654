"""The Autobahn test suite, run with and without the proxy; see README.md."""
