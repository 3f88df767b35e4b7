"""Random steps through `transform_sheet` beside pandas. Prints a line per disagreement; exits with 1 if there is one."""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy as np
import pandas as pd

WORDS = ["north", "South", "  east ", "west", "a,b", "x, y, z", "", "Ünï", "O'Neil", "NYC"]


def table(rng):
    n = rng.randint(1, 40)
    return pd.DataFrame({
        "id": pd.array([rng.randint(1, 12) for _ in range(n)], dtype="Int64"),
        "qty": pd.array([rng.choice([None, *range(-3, 9)]) for _ in range(n)], dtype="Int64"),
        "price": pd.array([rng.choice([None, 0.5, 1.25, 2.0, -3.75, 100.0]) for _ in range(n)], dtype="Float64"),
        "word": pd.array([rng.choice([None, *WORDS]) for _ in range(n)], dtype="string"),
        "kind": pd.array([rng.choice(["k1", "k2", "k3"]) for _ in range(n)], dtype="string"),
    })


def is_number(frame, name):
    return frame[name].dtype in ("Int64", "Float64")


def pick(rng, names):
    return rng.choice(list(names))


def some(rng, names):
    names = list(names)
    return rng.sample(names, rng.randint(1, len(names)))


def fresh(frame, stem):
    return next(f"{stem}{n}" for n in range(1, 1000) if f"{stem}{n}" not in frame.columns)


def ordered(frame, keys, ascending):
    """Stable, nulls last, one key after another from the last: as SQL sorts."""
    for key, up in reversed(list(zip(keys, ascending))):
        position = np.arange(len(frame))
        nulls = frame[key].isna().to_numpy()
        values = frame[key].to_numpy(dtype=object)
        # `reverse` keeps equal ones in order too.
        full = sorted(position[~nulls], key=lambda row: order_key(values[row]), reverse=not up)
        frame = frame.iloc[[*full, *position[nulls]]]
    return frame.reset_index(drop=True)


def order_key(value):
    return value.encode() if isinstance(value, str) else value


def step(rng, frame, other):
    """A random step that the frame allows, and the frame after it."""
    numbers = [name for name in frame.columns if is_number(frame, name)]
    texts = [name for name in frame.columns if frame[name].dtype == "string"]
    op = rng.choice(["filter", "filter_text", "select", "drop", "rename", "cast", "derive", "fill", "fill_forward", "fill_mean",
                     "replace", "replace_part", "trim", "split", "merge", "dedupe", "sort", "limit", "group", "pivot", "unpivot",
                     "join", "union", "row_number", "running", "sql"])
    columns = list(frame.columns)
    if op == "filter" and numbers:
        name, bound = pick(rng, numbers), rng.randint(-2, 5)
        return {"op": "filter", "expr": f'"{name}" > {bound}'}, frame[(frame[name] > bound).fillna(False)]
    if op == "filter_text" and texts:
        name = pick(rng, texts)
        return {"op": "filter", "expr": f'"{name}" is not null'}, frame[frame[name].notna()]
    if op == "select":
        names = some(rng, columns)
        return {"op": "select", "columns": names}, frame[names]
    if op == "drop" and len(columns) > 2:
        name = pick(rng, columns)
        return {"op": "drop", "columns": [name]}, frame.drop(columns=[name])
    if op == "rename":
        name, new = pick(rng, columns), fresh(frame, "r")
        return {"op": "rename", "columns": {name: new}}, frame.rename(columns={name: new})
    if op == "cast" and numbers:
        ints = [name for name in numbers if frame[name].dtype == "Int64"]
        if ints:
            name = pick(rng, ints)
            kind, dtype = rng.choice([("DOUBLE", "Float64"), ("VARCHAR", "string")])
            return {"op": "cast", "columns": [name], "to": kind}, frame.assign(**{name: frame[name].astype(dtype)})
    if op == "derive" and numbers:
        a, b = pick(rng, numbers), pick(rng, numbers)
        new = rng.choice([fresh(frame, "d"), a])
        return {"op": "derive", "column": new, "expr": f'"{a}" * 2 + "{b}"'}, frame.assign(**{new: frame[a] * 2 + frame[b]})
    if op == "fill" and numbers:
        name = pick(rng, numbers)
        return {"op": "fill", "columns": [name], "value": 7}, frame.assign(**{name: frame[name].fillna(7)})
    if op == "fill_forward":
        name = pick(rng, columns)
        way = rng.choice(["forward", "backward"])
        filled = frame[name].ffill() if way == "forward" else frame[name].bfill()
        return {"op": "fill", "columns": [name], "method": way}, frame.assign(**{name: filled})
    if op == "fill_mean" and numbers:
        name = pick(rng, numbers)
        as_float = frame[name].astype("Float64")
        return {"op": "fill", "columns": [name], "method": "mean"}, frame.assign(**{name: as_float.fillna(as_float.mean())})
    if op == "replace" and texts:
        name, old = pick(rng, texts), rng.choice(WORDS)
        return ({"op": "replace", "columns": [name], "from": old, "to": "other"},
                frame.assign(**{name: frame[name].where(~(frame[name] == old).fillna(False), "other")}))
    if op == "replace_part" and texts:
        name = pick(rng, texts)
        return ({"op": "replace", "columns": [name], "from": "t", "to": "TT", "mode": "part"},
                frame.assign(**{name: frame[name].str.replace("t", "TT", regex=False)}))
    if op == "trim" and texts:
        name = pick(rng, texts)
        return ({"op": "trim", "columns": [name], "case": "upper"}, frame.assign(**{name: frame[name].str.strip().str.upper()}))
    if op == "split" and texts:
        name, a, b = pick(rng, texts), fresh(frame, "s"), fresh(frame, "t")
        parts = [(value.split(",", 1) + [pd.NA])[:2] if isinstance(value, str) else [pd.NA, pd.NA] for value in frame[name]]
        at = columns.index(name)
        after = frame.drop(columns=[name])
        after.insert(at, a, pd.array([part[0] for part in parts], dtype="string"))
        after.insert(at + 1, b, pd.array([part[1] for part in parts], dtype="string"))
        return {"op": "split", "column": name, "by": ",", "into": [a, b]}, after
    if op == "merge" and len(texts) > 1:
        names, new = rng.sample(texts, 2), fresh(frame, "m")
        merged = []
        for row in frame[names].itertuples(index=False):
            known = [value for value in row if isinstance(value, str)]
            merged.append("-".join(known) if known else pd.NA)
        at = min(columns.index(name) for name in names)
        after = frame.drop(columns=names)
        after.insert(at, new, pd.array(merged, dtype="string"))
        return {"op": "merge", "columns": names, "by": "-", "to": new}, after
    if op == "dedupe":
        names, keep = some(rng, columns), rng.choice(["first", "last"])
        return {"op": "dedupe", "columns": names, "keep": keep}, frame.drop_duplicates(names, keep=keep)
    if op == "sort":
        names = some(rng, columns)
        up = [rng.random() < 0.5 for _ in names]
        return {"op": "sort", "by": [name if way else f"-{name}" for name, way in zip(names, up)]}, ordered(frame, names, up)
    if op == "limit":
        n, offset = rng.randint(1, 30), rng.randint(0, 2)
        return {"op": "limit", "n": n, "offset": offset}, frame.iloc[offset:offset + n]
    if op == "group" and numbers:
        keys, name = some(rng, columns)[:2], pick(rng, numbers)
        if set(keys) & {"total", "known", "n"}:
            return None
        grouped = frame.groupby(keys, dropna=False, sort=False)
        after = grouped.agg(total=(name, lambda it: it.sum(min_count=1)), known=(name, "count")).reset_index()
        after["n"] = pd.array(grouped.size().to_numpy(), dtype="Int64")
        after["total"] = after["total"].astype(frame[name].dtype)
        after["known"] = after["known"].astype("Int64")
        return ({"op": "group", "by": keys, "aggregates": {"total": f'sum("{name}")', "known": f'count("{name}")', "n": "count(*)"}},
                ordered(after, keys, [True] * len(keys)))
    if op == "pivot" and "kind" in columns and "id" in columns and numbers and frame["kind"].notna().all() and len(frame):
        values = pick(rng, [name for name in numbers if name != "id"] or numbers)
        after = frame[["id"]].drop_duplicates()
        for kind in sorted(frame["kind"].unique(), key=order_key):
            if kind == "" or kind == "id":
                return None
            part = frame[frame["kind"] == kind].assign(**{"#value": frame[values]})
            sums = part.groupby("id", dropna=False)["#value"].sum(min_count=1)
            after[kind] = pd.array([sums.get(key, pd.NA) if pd.notna(key) else pd.NA for key in after["id"]], dtype=frame[values].dtype)
        if frame["id"].isna().any() or len(set(map(str.lower, after.columns))) < len(after.columns):
            return None
        return {"op": "pivot", "by": ["id"], "column": "kind", "values": values, "aggregate": "sum"}, ordered(after, ["id"], [True])
    if op == "unpivot" and len(numbers) > 1 and len(frame) <= 60:
        same = [name for name in numbers if frame[name].dtype == frame[numbers[0]].dtype]
        name, value = fresh(frame, "u"), fresh(frame, "v")
        if len(same) > 1:
            names = rng.sample(same, 2)
            kept = [column for column in columns if column not in names]
            rows = frame.loc[frame.index.repeat(2), kept].reset_index(drop=True)
            rows[name] = pd.array(names * len(frame), dtype="string")
            rows[value] = pd.array([cell for row in frame[names].itertuples(index=False) for cell in row], dtype=frame[names[0]].dtype)
            return {"op": "unpivot", "columns": names, "name": name, "value": value}, rows
    if op == "join" and "kind" in columns and "boss" not in columns and len(frame) <= 60:
        how = rng.choice(["left", "inner", "anti", "semi"])
        on = {"op": "join", "sheet": "other", "on": ["kind"], "how": how}
        if how in ("left", "inner"):
            return on, frame.merge(other, on="kind", how=how)
        is_in = frame["kind"].isin(other["kind"])
        return on, frame[is_in if how == "semi" else ~is_in]
    if op == "union" and set(columns) & {"kind"} and "boss" not in columns and frame["kind"].dtype == "string":
        return {"op": "union", "sheet": "other"}, pd.concat([frame, other], ignore_index=True)
    if op == "row_number" and numbers:
        name, new = pick(rng, numbers), fresh(frame, "w")
        place = ordered(frame.reset_index(drop=True).assign(**{"#at": range(len(frame))}), [name], [False])["#at"]
        ranks = pd.Series(range(1, len(frame) + 1), index=place.to_numpy(), dtype="Int64")
        return ({"op": "window", "column": new, "expr": "row_number()", "order": [f"-{name}"]},
                frame.assign(**{new: ranks.sort_index().to_numpy()}).astype({new: "Int64"}))
    if op == "running" and numbers:
        name, new = pick(rng, numbers), fresh(frame, "w")
        means = frame[name].astype("Float64").rolling(3, min_periods=1).mean()
        return ({"op": "window", "column": new, "expr": f'avg("{name}")', "rows": 3}, frame.assign(**{new: means.astype("Float64")}))
    if op == "sql" and numbers:
        name = pick(rng, numbers)
        return {"op": "sql", "sql": f'select * exclude ("{name}"), "{name}" from this'}, frame[[c for c in columns if c != name] + [name]]
    return None


def plain(value):
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, (int, np.integer)):
        return float(value)
    if isinstance(value, (float, np.floating)):
        return float(f"{float(value):.10g}")
    return str(value)


class Quire:
    def __init__(self, binary, folder):
        self.process = subprocess.Popen([binary, "stdio", "--data-dir", f"{folder}/data", "--root", folder],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.n_sent = 0
        self.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "model", "version": "1"}})
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
                return message["result"]
        sys.exit("quire closed its output")

    def call(self, tool, **arguments):
        return self.request("tools/call", {"name": tool, "arguments": arguments})["structuredContent"]

    def rows(self, sheet):
        reply = self.call("query", sql=f"from {sheet}", max_rows=10000, max_bytes=1000000)
        return [column["name"] for column in reply["columns"]], [[plain(cell) for cell in row] for row in reply["rows"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quire", required=True)
    parser.add_argument("--sequences", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    n_bad = n_steps = 0
    ops = {}
    with tempfile.TemporaryDirectory() as folder:
        quire = Quire(args.quire, folder)
        other = pd.DataFrame({"kind": pd.array(["k1", "k3", "k3", "k9"], dtype="string"), "boss": pd.array(["Ann", "Bob", None, "Cy"], dtype="string")})
        other.to_parquet(f"{folder}/other.parquet")
        quire.call("import_file", path=f"{folder}/other.parquet")
        for sequence in range(args.sequences):
            rng = random.Random(args.seed * 1_000_003 + sequence)
            frame = table(rng)
            path = pathlib.Path(folder) / f"t{sequence}.parquet"
            frame.to_parquet(path)
            reply = quire.call("import_file", path=str(path))
            assert "sheets" in reply, reply
            steps = []
            while len(steps) < rng.randint(1, 9):
                made = step(rng, frame.reset_index(drop=True), other)
                if made and len(made[1]) <= 2_000:
                    steps.append(made[0])
                    frame = made[1].reset_index(drop=True)
            n_steps += len(steps)
            for one in steps:
                ops[one["op"]] = ops.get(one["op"], 0) + 1
            reply = quire.call("transform_sheet", sheet=f"t{sequence}", steps=steps)
            expected = list(frame.columns), [[plain(cell) for cell in row] for row in frame.astype(object).itertuples(index=False)]
            found = quire.rows(f"t{sequence}") if "version" in reply else reply
            if found != expected:
                n_bad += 1
                print(f"sequence {sequence}: {json.dumps(steps)}\n  found    {found}\n  expected {expected}")
    print(f"{args.sequences} sequences, {n_steps} steps, {n_bad} disagree; {dict(sorted(ops.items()))}")
    sys.exit(1 if n_bad else 0)


if __name__ == "__main__":
    main()
