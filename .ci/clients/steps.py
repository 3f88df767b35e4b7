"""What every Python client is made to do: the main job, one cut result, one failing call."""
import base64
import json
import pathlib
import sys

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
TOOLS = {"import_file", "list_sheets", "describe_sheet", "preview_rows", "query", "read_result", "delete_sheet"}


# A client is given a binary and a data folder, or an address and a token.
TARGET, REST = sys.argv[1:3]
IS_REMOTE = TARGET.startswith("http://")
HEADERS = {"Authorization": f"Bearer {REST}"}


def source(name):
    """A server elsewhere sees no files of ours."""
    if not IS_REMOTE:
        return {"path": str(EXAMPLES / name)}
    return {"name": name, "content_base64": base64.b64encode((EXAMPLES / name).read_bytes()).decode()}


def arguments(data_dir):
    return ["stdio", "--data-dir", str(data_dir), "--root", str(EXAMPLES)]


def same(found, wanted, what):
    if found != wanted:
        raise SystemExit(f"{what}: found {found!r}, wanted {wanted!r}")


async def run(names_and_schemas, call):
    """`call(tool, arguments)` answers `(is_error, structured, text)`; the SDK behind it checks replies against the schemas."""
    same(TOOLS - names_and_schemas.keys(), set(), "tools missing")
    same([name for name, schema in names_and_schemas.items() if not schema], [], "tools without an output schema")

    async def ok(tool, **args):
        is_error, body, text = await call(tool, args)
        same((tool, is_error), (tool, False), f"{tool} answered {text}")
        same(json.loads(text), body, f"the text twin of {tool}")
        return body

    climate = (await ok("import_file", **source("climate.xlsx")))["sheets"]
    same([s["n_rows"] for s in climate], [2922, 741, 2], "rows of climate.xlsx")
    strikes = (await ok("import_file", **source("birdstrikes.csv")))["sheets"][0]
    same(strikes["n_rows"], 10000, "rows of birdstrikes.csv")
    again = (await ok("import_file", **source("birdstrikes.csv")))["sheets"][0]
    same(again["name"], strikes["name"], "the sheet of a file imported again")
    inline = (await ok("import_file", name="cities.csv", content="city,state\nSeattle,WA\nNew York,NY\n"))["sheets"][0]
    same(inline["n_rows"], 2, "rows of inline text")

    await ok("list_sheets")
    await ok("describe_sheet", sheet=strikes["name"])
    page = await ok("preview_rows", sheet=climate[0]["name"], n_rows=3)
    same(len(page["rows"]), 3, "rows of a preview")

    joined = await ok("query", sql=(
        f"select c.state, count(*) from {climate[0]['name']} w join {inline['name']} c on w.location = c.city "
        "where w.weather = 'snow' group by all order by all"))
    same(joined["rows"], [["NY", 93], ["WA", 26]], "snowy days by state")
    same([joined["truncated"], joined["n_rows"]], [False, 2], "a whole result")

    cut = await ok("query", sql=f"select * from {strikes['name']}", max_rows=20)
    same([cut["truncated"], cut["n_rows"]], [True, 20], "a cut result")
    rest = await ok("read_result", result=cut["result"], offset=cut["next_offset"])
    if not rest["rows"] or rest["rows"][0] == cut["rows"][0]:
        raise SystemExit("read_result did not page on")

    is_error, fault, _ = await call("query", {"sql": "select * from birdstrike"})
    same(is_error, True, "a failing call's is_error")
    same(fault["code"], "sheet_not_found", "a failing call's code")
    same([bool(fault["message"]), bool(fault["hint"])], [True, True], "a failing call's message and hint")

    await ok("delete_sheet", sheet=inline["name"])
    is_error, _, _ = await call("preview_rows", {"sheet": inline["name"]})
    same(is_error, True, "is_error of reading a deleted sheet")
    print(f"{len(names_and_schemas)} tools, every reply as its schema says")
