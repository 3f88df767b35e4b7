#!/usr/bin/env python3
"""MCP over stdio without any library: starts `quire stdio`, imports a file, asks a question, pages through the result.

    python3 examples/mcp_stdio.py [path of the binary]
"""
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


class Quire:
    """One line of JSON per message, each way."""

    def __init__(self, binary, data_dir):
        self.process = subprocess.Popen(
            [binary, "stdio", "--data-dir", data_dir, "--root", str(HERE)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        self.n_sent = 0
        self.request("initialize", {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "example", "version": "1"}})
        self.send({"method": "notifications/initialized"})

    def send(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def request(self, method, params):
        self.n_sent += 1
        self.send({"id": self.n_sent, "method": method, "params": params})
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") == self.n_sent:  # notifications, such as progress, come in between
                if "error" in message:
                    raise RuntimeError(message["error"])
                return message["result"]
        raise RuntimeError("the server closed its output")

    def call(self, tool, **arguments):
        result = self.request("tools/call", {"name": tool, "arguments": arguments})
        body = result["structuredContent"]
        if result.get("isError"):
            raise SystemExit(f"{body['code']}: {body['message']}\nhint: {body.get('hint', '')}")
        return body

    def close(self):
        self.process.stdin.close()  # the end of input is the end of the server
        self.process.wait(10)


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else "quire"
    with tempfile.TemporaryDirectory() as data_dir:
        quire = Quire(binary, data_dir)
        sheet = quire.call("import_file", path=str(HERE / "birdstrikes.csv"))["sheets"][0]
        print(f"{sheet['name']}: {sheet['n_rows']} rows")

        page = quire.call("query", max_rows=5, sql=f"""
            select "Wildlife Species" as species, count(*) as strikes
            from {sheet['name']} group by all order by strikes desc, species""")
        print([column["name"] for column in page["columns"]])
        for row in page["rows"]:
            print(row)
        if page["truncated"]:
            more = quire.call("read_result", result=page["result"], offset=page["next_offset"])
            print(f"... and {len(more['rows'])} more rows on the next page, starting with {more['rows'][0]}")
        quire.close()


if __name__ == "__main__":
    main()
