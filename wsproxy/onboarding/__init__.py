"""
What the proxy itself shows to a browser: how to use it and trust it, from the device it is shown on.

    site    the pages: requests in, answers out
    page    the page for people, with a QR code for phones
    pac     proxy auto-configuration
"""
