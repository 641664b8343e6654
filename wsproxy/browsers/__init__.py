"""
Browsers that are started for one look at a site and leave nothing behind.

    chromium    find Chromium or Chrome, and start it behind the proxy
    session     a running browser: its processes and its throw-away profile
"""
