"""`python -m wsproxy` is the same as the `wsproxy` command."""

from wsproxy.cli.main import main

if __name__ == "__main__":
    main()
