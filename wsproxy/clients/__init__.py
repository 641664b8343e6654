"""
Programs that are set up to go through the proxy, for one run or one shell.

    proxy       which proxy: where it takes clients, and the certificate they must trust
    trust       the authorities they trust already and ours, in the files they read
    variables   the environment that tells the common runtimes of both
    shells      the same, to be read by a shell
    command     run a program with it, and be as the program would be without us
    preload.cjs for Node.js, whose clients do not look for a proxy
"""
