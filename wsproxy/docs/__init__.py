"""Pages shipped with the package: `wsproxy help` shows them."""
