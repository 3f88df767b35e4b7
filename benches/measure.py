"""Quire beside raw DuckDB and calamine, alternating, in one run. Prints a table and asserts nothing."""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import duckdb

import data

QUERIES = [
    ("group by two columns", "select region, category, count(*), sum(quantity), avg(price) from {t} group by all order by all"),
    ("count distinct", "select count(distinct customer) from {t}"),
    ("top 10 of all", "select * from {t} order by price desc, id limit 10"),
    ("filter and sum", "select count(*), sum(price) from {t} where ordered >= date '2020-01-01' and region = 'north'"),
    ("like", "select count(*) from {t} where note like '%499%'"),
    ("group by month", "select date_trunc('month', ordered) m, count(*), sum(price * quantity) from {t} group by 1 order by 1"),
]
TINY = [
    ("one row by id", "select * from {t} where id = 4000000"),
    ("first 20 rows", "select * from {t} limit 20"),
    ("count of rows", "select count(*) from {t}"),
    ("no table at all", "select 1"),
]

TRANSFORMS = [
    ("filter, derive, drop", [
        {"op": "filter", "expr": "quantity > 10"}, {"op": "derive", "column": "total", "expr": "price * quantity"},
        {"op": "drop", "columns": ["note"]}]),
    ("trim, replace, fill, cast", [
        {"op": "trim", "columns": ["region", "category"], "case": "upper"}, {"op": "replace", "columns": ["region"], "from": "NORTH", "to": "N"},
        {"op": "fill", "columns": ["note"], "value": "-"}, {"op": "cast", "columns": ["quantity"], "to": "DOUBLE"}]),
    ("group", [{"op": "group", "by": ["customer", "category"], "aggregates": {"n": "count(*)", "total": "sum(price)"}}]),
    ("sort", [{"op": "sort", "by": ["region", "-price"]}]),
    ("dedupe by two columns", [{"op": "dedupe", "columns": ["customer", "category"]}]),
    ("dedupe by all columns", [{"op": "dedupe"}]),
    ("fill forward", [{"op": "fill", "columns": ["note"], "method": "forward"}]),
    ("window by region", [{"op": "window", "column": "running", "expr": "sum(price)", "by": ["region"], "order": ["ordered"]}]),
    ("join with 500 rows", [{"op": "join", "sheet": "customers", "on": "customer"}]),
]

SMALL = [
    ("no table at all", "select 1"),
    ("one row of 1,000", "select * from {t} where id = 700"),
    ("group of 1,000 rows", "select region, count(*), sum(price) from {t} group by all order by all"),
]


class Quire:
    """`quire stdio`, driven with as little between us and the pipe as Python allows."""

    def __init__(self, binary, data_dir, roots):
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [binary, "stdio", "--data-dir", str(data_dir), *(part for root in roots for part in ("--root", str(root)))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.n_sent = 0
        self.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "benches", "version": "1"}})
        self.to_initialized = time.perf_counter() - self.started
        self.send({"method": "notifications/initialized"})

    def send(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def request(self, method, params):
        self.n_sent += 1
        self.send({"id": self.n_sent, "method": method, "params": params})
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") == self.n_sent:
                if "error" in message:
                    sys.exit(f"{method}: {message['error']}")
                return message["result"]
        sys.exit("quire closed its output")

    def call(self, tool, **arguments):
        result = self.request("tools/call", {"name": tool, "arguments": arguments})
        if result.get("isError"):
            sys.exit(f"{tool}: {result.get('structuredContent') or result['content']}")
        return result["structuredContent"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


class Memory(threading.Thread):
    """The peak of what a process and all its descendants hold, summed, sampled every 10 ms. Linux only."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.rss, self.pss, self.stopped = pid, 0, 0, threading.Event()

    def tree(self):
        pids, todo = [], [self.pid]
        while todo:
            pid = todo.pop()
            pids.append(pid)
            for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    todo += map(int, children.read_text().split())
                except OSError:
                    pass
        return pids

    def run(self):
        while not self.stopped.wait(0.01):
            rss = pss = 0
            for pid in self.tree():
                try:
                    for line in open(f"/proc/{pid}/smaps_rollup", encoding="ascii"):
                        if line.startswith("Rss:"):
                            rss += int(line.split()[1])
                        elif line.startswith("Pss:"):
                            pss += int(line.split()[1])
                except OSError:
                    pass
            self.rss, self.pss = max(self.rss, rss), max(self.pss, pss)

    def stop(self):
        self.stopped.set()
        self.join()
        return f"{self.rss // 1024} MB RSS, {self.pss // 1024} MB PSS"


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alternate(n_rounds, *works):
    """The median seconds of each, taken in turns so that a busy moment hits them all."""
    times = [[] for _ in works]
    for _ in range(n_rounds):
        for taken, work in zip(times, works):
            taken.append(work())
    return [statistics.median(taken) for taken in times]


def line(what, ours, theirs, ratio, note=""):
    print(f"{what:<34} {ours:>12} {theirs:>12} {ratio:>8}  {note}", flush=True)


def milliseconds(value):
    return f"{value * 1000:.2f} ms"


def starts(args, scratch):
    times = []
    for _ in range(20):
        quire = Quire(args.quire, scratch / "starts", [args.cache])
        times.append(quire.to_initialized)
        quire.close()
    line("start to initialize answered", milliseconds(statistics.median(times)), "", "", f"20 starts, slowest {milliseconds(max(times))}")


def csv_import(args, scratch, path):
    memory, n_round = [], 0

    def ours():
        nonlocal n_round
        n_round += 1
        quire = Quire(args.quire, scratch / f"csv{n_round}", [args.cache])
        watch = Memory(quire.process.pid)
        watch.start()
        taken = seconds(lambda: quire.call("import_file", path=str(path)))
        memory.append(watch.stop())
        quire.close()
        return taken

    def theirs():
        return seconds(lambda: duckdb.connect().execute(
            f"copy (from read_csv('{path}')) to '{scratch}/raw.parquet' (format parquet, parquet_version v2, compression lz4_raw)"))

    our, their = alternate(args.rounds, ours, theirs)
    line(f"CSV import, {args.rows:,} x 10", f"{our:.2f} s", f"{their:.2f} s", f"{our / their:.2f}", f"typed from all rows; raw samples; {memory[-1]}")


def xlsx_import(args, scratch, path):
    memory, n_round = [], 0

    def ours():
        nonlocal n_round
        n_round += 1
        quire = Quire(args.quire, scratch / f"xlsx{n_round}", [args.cache])
        watch = Memory(quire.process.pid)
        watch.start()
        taken = seconds(lambda: quire.call("import_file", path=str(path)))
        memory.append(watch.stop())
        quire.close()
        return taken

    def theirs():
        return json.loads(subprocess.check_output([args.release / "examples" / "calamine_cells", path]))["seconds"]

    our, their = alternate(args.rounds, ours, theirs)
    line(f"XLSX import, {args.rows // 10:,} x 20", f"{our:.2f} s", f"{their:.2f} s", f"{our / their:.2f}", f"beside calamine's cell reader; {memory[-1]}")


def queries(args, scratch, path):
    quire = Quire(args.quire, scratch / "queries", [args.cache])
    sheet = quire.call("import_file", path=str(path))["sheets"][0]["name"]
    version = max((scratch / "queries").rglob("*.parquet"), key=lambda file: file.stat().st_size)
    raw = duckdb.connect()
    for name, sql in QUERIES + TINY:
        def ours(sql=sql.format(t=sheet)):
            return seconds(lambda: quire.call("query", sql=sql))

        def theirs(sql=sql.format(t=f"read_parquet('{version}')")):
            return seconds(lambda: raw.execute(sql).fetchall())

        ours(), theirs()
        our, their = alternate(args.rounds * 5, ours, theirs)
        tiny = (name, sql) in TINY
        line(name, milliseconds(our), milliseconds(their), "" if tiny else f"{our / their:.2f}", f"adds {milliseconds(our - their)}")
    quire.close()


def cost(args, scratch):
    """What the process boundary, the guard and the sandbox cost a small query whose worker is warm, and a start."""
    path = scratch / "small.csv"
    path.write_text("id,region,price\n" + "".join(f"{it},{['north', 'south'][it % 2]},{it}.5\n" for it in range(1_000)))
    binaries = [args.quire, *([args.beside] if args.beside else [])]
    servers = [Quire(binary, scratch / f"cost{n}", [args.cache]) for n, binary in enumerate(binaries)]
    sheets = [server.call("import_file", path=str(path))["sheets"][0]["name"] for server in servers]
    version = max((scratch / "cost0").rglob("*.parquet"), key=lambda file: file.stat().st_size)
    raw = duckdb.connect()
    for name, sql in SMALL:
        works = [lambda server=server, sql=sql.format(t=sheet): seconds(lambda: server.call("query", sql=sql)) for server, sheet in zip(servers, sheets)]
        works.append(lambda sql=sql.format(t=f"read_parquet('{version}')"): seconds(lambda: raw.execute(sql).fetchall()))
        # The server's pipe and JSON, without a worker.
        works.append(lambda: seconds(lambda: servers[0].request("ping", {})))
        for work in works * 10:
            work()
        our, *beside, their, ping = alternate(args.rounds * 50, *works)
        note = f"adds {milliseconds(our - their)}, of it the pipe {milliseconds(ping)}"
        line(f"warm: {name}", milliseconds(our), milliseconds(their), f"{our / their:.2f}", note + versus(our, beside))
    for server in servers:
        server.close()

    def start(binary):
        quire = Quire(binary, scratch / "first", [args.cache])
        quire.call("query", sql="select 1")
        taken = time.perf_counter() - quire.started
        quire.close()
        return taken

    our, *beside = alternate(args.rounds * 5, *(lambda binary=binary: start(binary) for binary in binaries))
    line("start to first query answered", milliseconds(our), "", "", versus(our, beside).removeprefix("; "))


def versus(our, beside):
    return "".join(f"; the other build {milliseconds(it)}, ratio {our / it:.2f}" for it in beside)


def transforms(args, scratch, path):
    quire = Quire(args.quire, scratch / "transforms", [args.cache])
    sheet = quire.call("import_file", path=str(path))["sheets"][0]["name"]
    version = max((scratch / "transforms").rglob("*.parquet"), key=lambda file: file.stat().st_size)
    raw = duckdb.connect()
    customers = "(select 'customer ' || range as customer, range % 7 as level from range(500))"
    quire.call("import_file", content="customer,level\n" + "".join(f"customer {it},{it % 7}\n" for it in range(500)), name="customers.csv")
    for name, steps in TRANSFORMS:
        def ours(steps=steps):
            taken = seconds(lambda: quire.call("transform_sheet", sheet=sheet, steps=steps))
            quire.call("restore_version", sheet=sheet, version=1)
            return taken

        ours()
        sql = next(it["sql"] for it in quire.call("sheet_history", sheet=sheet, sql=True, max_bytes=500_000)["versions"] if "sql" in it)
        sql = sql.replace(f'"{sheet}"', f"read_parquet('{version}')", 1).replace('"customers"', customers)
        copy = f"copy ({sql}) to '{scratch}/raw.parquet' (format parquet, parquet_version v2, compression lz4_raw)"

        def theirs(copy=copy):
            return seconds(lambda: raw.execute(copy))

        our, their = alternate(args.rounds, ours, theirs)
        line(f"transform: {name}", f"{our:.2f} s", f"{their:.2f} s", f"{our / their:.2f}", "the same SQL into Parquet")
    quire.close()


def summary(args, scratch, path):
    quire = Quire(args.quire, scratch / "summary", [args.cache])
    sheet = quire.call("import_file", path=str(path))["sheets"][0]["name"]
    version = max((scratch / "summary").rglob("*.parquet"), key=lambda file: file.stat().st_size)
    raw = duckdb.connect()
    # A choice of columns is not kept, even when it is all of them in another order: every round computes anew.
    columns = [column["name"] for column in reversed(quire.call("describe_sheet", sheet=sheet)["columns"])]
    n_bytes = 0

    def ours():
        nonlocal n_bytes
        start = time.perf_counter()
        reply = quire.call("summarize_sheet", sheet=sheet, columns=columns)
        n_bytes = len(json.dumps(reply, separators=(",", ":")))
        return time.perf_counter() - start

    def theirs():
        return seconds(lambda: raw.execute(f"summarize from read_parquet('{version}')").fetchall())

    our, their = alternate(args.rounds, ours, theirs)
    line(f"summary, {args.rows:,} x 10", f"{our:.2f} s", f"{their:.2f} s", f"{our / their:.2f}", f"exact, {n_bytes} bytes; SUMMARIZE approximates")
    quire.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", type=pathlib.Path, required=True)
    parser.add_argument("--cache", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=3, help="imports of each file; queries run five times as often")
    parser.add_argument("--rows", type=int, default=5_000_000, help="rows of the CSV file; the workbook has a tenth")
    parser.add_argument("--beside", type=pathlib.Path, help="another build of quire, measured in turns by `cost`")
    parser.add_argument("only", nargs="*", choices=[[], "start", "cost", "query", "summary", "csv", "xlsx", "transform"], help="parts to measure; all without any")
    args = parser.parse_args()
    args.quire = args.release / "quire"
    args.cache = args.cache.resolve()
    wanted = set(args.only) or {"start", "cost", "query", "summary", "csv", "xlsx", "transform"}

    with tempfile.TemporaryDirectory(dir=args.cache) as scratch:
        scratch = pathlib.Path(scratch)
        line("", "Quire", "raw", "ratio")
        if "start" in wanted:
            starts(args, scratch)
        if "cost" in wanted:
            cost(args, scratch)
        if wanted & {"query", "summary", "csv", "transform"}:
            table = data.csv_file(args.cache / f"orders-{args.rows}.csv", args.rows)
            if "query" in wanted:
                queries(args, scratch, table)
            if "summary" in wanted:
                summary(args, scratch, table)
            if "transform" in wanted:
                transforms(args, scratch, table)
            if "csv" in wanted:
                csv_import(args, scratch, table)
        if "xlsx" in wanted:
            xlsx_import(args, scratch, data.xlsx_file(args.cache / f"orders-{args.rows // 10}.xlsx", args.rows // 10))


if __name__ == "__main__":
    main()
