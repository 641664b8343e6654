"""
Browsers that are started for one look at a site and leave nothing behind.

    installed   which browsers there are
    chromium    start Chromium, Chrome, Edge or Brave behind the proxy
    firefox     start Firefox behind the proxy
    session     a running browser: its processes and its profile
"""
