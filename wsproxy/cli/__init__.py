"""
The command line: one thin module per subcommand over what the rest of the package offers.

Modules here import heavy things inside functions, so that `wsproxy --help` costs nothing.
"""
