"""
Is everything there that a proxy needs? `wsproxy doctor` asks, and says what to do about the rest.

    check       what one check found
    versions terminal browser clock port authority     one matter each
    origin      a server to talk to, and a proxy of our own
    roundtrip   a message over ws and wss, through a proxy
"""
