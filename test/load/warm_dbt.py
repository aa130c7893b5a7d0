"""dbt whose Python has been loaded once: half of the processor time of a small build is the loading, and a load of many builds pays it for each.

    warm_dbt.py serve SOCKET          loads dbt, prints `ready`, and runs what is asked for, each in a process forked for it
    warm_dbt.py run SOCKET WORDS…     is dbt for who calls it: its words, environment, folder, outputs and exit code
"""

import json
import os
import socket
import sys


def serve(path):
    import gc

    import dbt.adapters.duckdb
    import dbt.cli.main

    gc.freeze()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        print("ready", flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                text, outputs, _, _ = socket.recv_fds(connection, 1 << 20, 2)
                child = os.fork()
                if child == 0:
                    server.close()
                    become(json.loads(text), outputs, dbt.cli.main.cli)
                for output in outputs:
                    os.close(output)
                connection.sendall(bytes([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF]))


def become(asked, outputs, cli):
    code = 70
    try:
        for target, output in enumerate(outputs, start=1):
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
        answer = connection.recv(1)
        sys.exit(answer[0] if answer else 70)


if sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    run(sys.argv[2], sys.argv[3:])
