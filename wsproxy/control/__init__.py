"""
The control of a running proxy from other processes: where it is (`runfile`), what is said (`messages`),
and how to say it (`client`). The other end is `wsproxy.engine.control_server`.
"""
