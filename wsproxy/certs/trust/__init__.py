"""
Making programs trust the authority, and taking that back exactly.

    command     the one place where programs of the system are run, and how they are shown
    store       what every trust store can do; what was done to one
    anchors     stores of Linux systems: a folder of certificates and a program that collects them
    debian fedora arch macos windows nss firefox     one family of stores each
    places      the stores of this machine
    record      what was done, so that it can be undone later
"""
