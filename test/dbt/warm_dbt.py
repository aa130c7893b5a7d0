"""dbt whose Python has been loaded once: half of the processor time of a small command is the loading, and tests that run many pay it for each.

    warm_dbt.py serve SOCKET          loads dbt, prints `ready`, and runs what is asked for, each in a process forked for it; ends with its standard input
    warm_dbt.py run SOCKET WORDS…     is dbt for who calls it: its words, environment, folder, outputs and exit code
"""

import json
import os
import select
import signal
import socket
import sys


def serve(path):
    import gc

    import dbt.adapters.duckdb
    import dbt.cli.main

    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        print("ready", flush=True)
        while server in select.select([server, sys.stdin], [], [])[0]:
            connection, _ = server.accept()
            with connection:
                if os.fork() == 0:
                    server.close()
                    answer(connection, dbt.cli.main.cli)


def answer(connection, cli):
    """Runs what one caller asks for, and tells it the exit code. Does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, outputs, _, _ = socket.recv_fds(connection, 1 << 20, 2)
    child = os.fork()
    if child == 0:
        connection.close()
        become(json.loads(text), outputs, cli)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF
    connection.sendall(bytes([code]))
    os._exit(0)


def become(asked, outputs, cli):
    code = 70
    try:
        for target, output in enumerate([os.open(os.devnull, os.O_RDONLY), *outputs]):
            os.dup2(output, target)
        os.environ.clear()
        os.environ.update(asked["environment"])
        os.chdir(asked["folder"])
        sys.argv = ["dbt", *asked["words"]]
        try:
            cli(asked["words"])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def run(path, words):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        asked = {"words": words, "environment": dict(os.environ), "folder": os.getcwd()}
        socket.send_fds(connection, [json.dumps(asked).encode()], [1, 2])
        answered = connection.recv(1)
        sys.exit(answered[0] if answered else 70)


if sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    run(sys.argv[2], sys.argv[3:])
