//! Which SQL runs, and which does not, whatever it pretends to be.

use serde_json::json;

use crate::harness::{Bench, code_of};

fn bench() -> Bench {
    Bench::new().file("t.csv", "a,b,c\n1,x,10\n2,y,20\n3,x,30\n").file("u.csv", "a,d\n1,2024-01-01\n3,2024-02-01\n")
}

const REFUSED: &str = "sql_refused";
const NO_SHEET: &str = "sheet_not_found";

#[test]
fn sql_that_does_more_than_read_sheets_is_refused() {
    let bench = bench();
    let mut client = bench.serve_files();
    let file = bench.path("t.csv");
    let file = file.to_string_lossy();
    let mut wrong = Vec::new();
    for (sql, code) in [
        // Names that only look alike to DuckDB or only to us: the Kelvin sign folds to `k` in Unicode, not in SQL.
        (format!("with \"{}\" as (select 1) select * from \"{file}\"", file.replacen('t', "T", 1)), REFUSED),
        ("with \"wor\u{212a}\" as (select 1) select * from \"work\"".to_owned(), NO_SHEET),
        (format!("with \"{file}\" as (select 1) select * from \"{file}\""), REFUSED),
        // Files, by table functions, by names, by indirection.
        (format!("select * from read_csv('{file}')"), REFUSED),
        (format!("select * from read_csv_auto('{file}')"), REFUSED),
        (format!("select * from read_text('{file}')"), REFUSED),
        (format!("select * from read_blob('{file}')"), REFUSED),
        ("select * from read_json_auto('/proc/self/environ')".to_owned(), REFUSED),
        ("select * from read_parquet('/tmp/*.parquet')".to_owned(), REFUSED),
        ("select * from parquet_scan('x.parquet')".to_owned(), REFUSED),
        ("select * from parquet_metadata('x.parquet')".to_owned(), REFUSED),
        ("select * from glob('/home/**')".to_owned(), REFUSED),
        (format!("select * from sniff_csv('{file}')"), REFUSED),
        ("select * from sqlite_scan('x.db', 't')".to_owned(), REFUSED),
        (format!("select (select string_agg(content, '') from read_text('{file}'))"), REFUSED),
        (format!("with x as materialized (from read_text('{file}')) from x"), REFUSED),
        (format!("select a from t where exists (from read_text('{file}'))"), REFUSED),
        (format!("select a from t order by (select content from read_text('{file}'))"), REFUSED),
        (format!("select a from t group by all having (select true from read_text('{file}'))"), REFUSED),
        (format!("select a from t limit (select 1 from read_text('{file}'))"), REFUSED),
        (format!("select sum(a) over (partition by (select content from read_text('{file}'))) from t"), REFUSED),
        (format!("from t union all from read_text('{file}')"), REFUSED),
        (format!("select list_transform([1], x -> (select content from read_text('{file}')))"), REFUSED),
        (format!("from t, lateral (select * from read_text('{file}'))"), REFUSED),
        (format!("from t semi join read_text('{file}') on true"), REFUSED),
        (format!("explain from read_text('{file}')"), REFUSED),
        (format!("describe from read_text('{file}')"), REFUSED),
        (format!("select * from '{file}'"), NO_SHEET),
        (format!("select * from \"{file}\""), NO_SHEET),
        (format!("summarize '{file}'"), NO_SHEET),
        (format!("describe '{file}'"), NO_SHEET),
        (format!("describe select * from '{file}'"), NO_SHEET),
        (format!("from t join '{file}' using (a)"), NO_SHEET),
        ("select * from 'https://example.com/a.csv'".to_owned(), NO_SHEET),
        ("select * from \"file:///etc/passwd\"".to_owned(), NO_SHEET),
        // A name in scope only elsewhere is a table, and a table that is no sheet may be a file.
        (format!("with \"{file}\" as (select * from \"{file}\") from \"{file}\""), NO_SHEET),
        (
            format!(
                "with recursive \"{file}\" as (select * from \"{file}\" union all select * from \"{file}\") from \"{file}\""
            ),
            NO_SHEET,
        ),
        (format!("with x as (with \"{file}\" as (select 1) select 2) from \"{file}\""), NO_SHEET),
        (format!("select (with \"{file}\" as (select 1) from \"{file}\"), (select a from \"{file}\")"), REFUSED),
        (format!("with \"{file}\" as (select 1) from main.\"{file}\""), NO_SHEET),
        (format!("with x as (from \"{file}\"), \"{file}\" as (select 1) from x"), NO_SHEET),
        ("select * from query('select 1')".to_owned(), REFUSED),
        (format!("select * from query('from read_text(''{file}'')')"), REFUSED),
        (format!("select * from query_table('{file}')"), REFUSED),
        ("select * from query_table('t')".to_owned(), REFUSED),
        // What the process knows.
        ("select getenv('HOME')".to_owned(), REFUSED),
        ("select current_setting('home_directory')".to_owned(), REFUSED),
        ("select getvariable('x')".to_owned(), REFUSED),
        ("from duckdb_settings()".to_owned(), REFUSED),
        ("from duckdb_views()".to_owned(), REFUSED),
        ("from duckdb_secrets()".to_owned(), REFUSED),
        ("from duckdb_temporary_files()".to_owned(), REFUSED),
        ("from pragma_database_list()".to_owned(), REFUSED),
        ("from duckdb_functions()".to_owned(), REFUSED),
        ("from information_schema.tables".to_owned(), NO_SHEET),
        ("from pg_catalog.pg_class".to_owned(), NO_SHEET),
        ("from sqlite_master".to_owned(), NO_SHEET),
        ("from duckdb_tables".to_owned(), NO_SHEET),
        ("show all tables".to_owned(), REFUSED),
        ("show tables".to_owned(), REFUSED),
        ("from (show all tables)".to_owned(), REFUSED),
        // Other statements.
        ("select 1; drop table t".to_owned(), REFUSED),
        ("select 1; select 2".to_owned(), REFUSED),
        ("; select 1; select 2;".to_owned(), REFUSED),
        ("copy (select 1) to '/tmp/x.csv'".to_owned(), REFUSED),
        ("copy t from '/etc/passwd'".to_owned(), REFUSED),
        ("copy t to '/dev/stdout'".to_owned(), REFUSED),
        ("export database '.tmp'".to_owned(), REFUSED),
        ("attach '/tmp/x.db' as x".to_owned(), REFUSED),
        ("attach ':memory:' as y".to_owned(), REFUSED),
        ("use temp".to_owned(), REFUSED),
        ("install httpfs".to_owned(), REFUSED),
        ("load '/tmp/evil.duckdb_extension'".to_owned(), REFUSED),
        ("set memory_limit='100GB'".to_owned(), REFUSED),
        ("set lock_configuration=false".to_owned(), REFUSED),
        ("set variable x = 1".to_owned(), REFUSED),
        ("reset threads".to_owned(), REFUSED),
        ("pragma enable_profiling".to_owned(), REFUSED),
        ("pragma database_list".to_owned(), REFUSED),
        ("call pragma_version()".to_owned(), REFUSED),
        ("create table x as select 1".to_owned(), REFUSED),
        ("create temp view x as select 1".to_owned(), REFUSED),
        ("create macro f(x) as x".to_owned(), REFUSED),
        ("create secret s (type s3)".to_owned(), REFUSED),
        ("insert into t values (1, 'x', 2)".to_owned(), REFUSED),
        ("update t set a = 1".to_owned(), REFUSED),
        ("delete from t".to_owned(), REFUSED),
        ("merge into t using u on t.a = u.a when matched then delete".to_owned(), REFUSED),
        ("drop view t".to_owned(), REFUSED),
        ("alter table t rename to x".to_owned(), REFUSED),
        ("with x as (select 1) insert into t select 1, 'x', 2".to_owned(), REFUSED),
        ("/* select */ drop table t -- select".to_owned(), REFUSED),
        ("explain copy t to '/tmp/x.csv'".to_owned(), REFUSED),
        ("explain analyze create table x as select 1".to_owned(), REFUSED),
        ("prepare x as select 1".to_owned(), REFUSED),
        ("begin".to_owned(), REFUSED),
        ("checkpoint".to_owned(), REFUSED),
        ("vacuum".to_owned(), REFUSED),
    ] {
        let outcome = client.call("query", &json!({"sql": sql}));
        if code_of(&outcome) != code {
            wrong.push(format!("{sql}: {outcome:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(client.rows("select count(*) from t"), json!([[3]]));
}

#[test]
fn a_scalar_function_is_allowed_by_name_in_every_place_where_it_may_stand() {
    let bench = bench();
    let mut client = bench.serve_files();
    let places = [
        "select F",
        "select a from t where F is null",
        "select a from t qualify row_number() over (order by F) = 1",
        "select sum(a) filter (where F is null) from t",
        "select case when F is null then 1 end",
        "select [F]",
        "select {'x': F}",
        "select a from t join u on F is null",
        "select a from t order by F",
        "select * replace (F as a) from t",
        "select * from (values (F))",
        "select count(*) from t group by F",
        "select list_filter([1], x -> F is null)",
        "select a from t limit F",
        "select F::varchar",
        "from unnest([F])",
    ];
    for place in places {
        let outcome = client.call("query", &json!({"sql": place.replace('F', "getenv('HOME')")}));
        assert_eq!(code_of(&outcome), REFUSED, "{place}: {outcome:?}");
    }
}

#[test]
fn sql_that_only_reads_runs() {
    let bench = bench();
    let mut client = bench.serve_files();
    let mut wrong = Vec::new();
    for (sql, rows) in [
        ("from t select a order by a desc limit 1", json!([[3]])),
        ("with x as (select a * 2 as y from t), z as (select sum(y) as s from x) from z", json!([[12]])),
        ("with t as (select 7 as a) from t", json!([[7]])),
        (
            "with recursive r(n) as (select 1 union all select n + 1 from r where n < 4) select sum(n) from r",
            json!([[10]]),
        ),
        (
            "select a, sum(c) over (order by a rows unbounded preceding) from t order by a",
            json!([[1, 10], [2, 30], [3, 60]]),
        ),
        (
            "select b, a from t qualify row_number() over (partition by b order by a desc) = 1 order by b",
            json!([["x", 3], ["y", 2]]),
        ),
        ("select sum(c) filter (where b = 'x') from t", json!([[40]])),
        (
            "from t pivot (sum(c) for b in ('x', 'y') group by a) order by a",
            json!([[1, 10, null], [2, null, 20], [3, 30, null]]),
        ),
        ("from (select a, c from t) unpivot (v for k in (a, c)) order by v, k limit 2", json!([["a", 1], ["a", 2]])),
        ("select t.a, l.y from t, lateral (select t.a + 1 as y) l order by 1", json!([[1, 2], [2, 3], [3, 4]])),
        ("select list_transform([1, 2], x -> x + 1)", json!([[[2, 3]]])),
        ("select list_transform([1, 2], lambda x: x + 1)", json!([[[2, 3]]])),
        ("select [x * 2 for x in [1, 2, 3] if x > 1]", json!([[[4, 6]]])),
        (
            "select t.a, u.d from t asof join u on t.a >= u.a order by 1",
            json!([[1, "2024-01-01"], [2, "2024-01-01"], [3, "2024-02-01"]]),
        ),
        ("select count(*) <= 3 from t using sample 2 rows", json!([[true]])),
        ("select count(*) <= 3 from t tablesample reservoir(50%)", json!([[true]])),
        ("select column_name from (describe t) limit 1", json!([["a"]])),
        ("select column_name, column_type from (describe select a from t)", json!([["a", "BIGINT"]])),
        ("select column_name, max from (summarize t) order by 1 limit 1", json!([["a", "3"]])),
        ("values (1, 'a'), (2, 'b')", json!([[1, "a"], [2, "b"]])),
        ("select * from (values (1), (2)) v(n)", json!([[1], [2]])),
        ("select unnest([1, 2])", json!([[1], [2]])),
        ("from unnest(['a', 'b'])", json!([["a"], ["b"]])),
        ("from range(2, 4)", json!([[2], [3]])),
        ("from generate_series(1, 2)", json!([[1], [2]])),
        ("select '{\"a\": {\"b\": 5}}'::json -> 'a' ->> 'b'", json!([["5"]])),
        ("select json_extract_string('{\"a\": 1}', '$.a'), json_array_length('[1, 2]')", json!([["1", 2]])),
        (
            "select regexp_replace('abc', '[ac]', '-', 'g'), regexp_matches('abc', 'b.'), 'abc' similar to 'a.c', 'abc' ~ 'b'",
            json!([["-b-", true, true, false]]),
        ),
        (
            "select date_trunc('month', date '2024-02-29'), strftime(date '2024-02-29', '%Y'), extract(year from date '2024-02-29'), date '2024-02-29' + interval 1 day",
            json!([["2024-02-01T00:00:00", "2024", 2024, "2024-03-01T00:00:00"]]),
        ),
        (
            "select date_diff('day', date '2024-01-01', date '2024-03-01'), strptime('05/2024', '%m/%Y'), age(date '2024-02-01', date '2024-01-01')",
            json!([[60, "2024-05-01T00:00:00", "P1M"]]),
        ),
        (
            "select current_date is not null, now() is not null, today() is not null, current_timestamp is not null",
            json!([[true, true, true, true]]),
        ),
        ("select * exclude (c) from t limit 1", json!([[1, "x"]])),
        ("select * replace (a * 10 as a) from t order by a limit 1", json!([[10, "x", 10]])),
        ("select * rename (a as z) from t limit 1", json!([[1, "x", 10]])),
        ("select max(columns('a|c')) from t", json!([[3, 30]])),
        ("select min(columns(* exclude b)) from t", json!([[1, 10]])),
        (
            "select b, count(*) from t group by grouping sets ((b), ()) order by 2, 1",
            json!([["y", 1], ["x", 2], [null, 3]]),
        ),
        ("select b, sum(c) from t group by rollup (b) order by 2", json!([["y", 20], ["x", 40], [null, 60]])),
        ("select b, sum(c) from t group by cube (b) order by 2", json!([["y", 20], ["x", 40], [null, 60]])),
        (
            "select * from (select a from t order by a) positional join (select a + 1 as n from t order by a)",
            json!([[1, 2], [2, 3], [3, 4]]),
        ),
        ("select a from t union select a from u order by 1", json!([[1], [2], [3]])),
        ("select a from t except select a from u", json!([[2]])),
        ("select a from t intersect select a from u order by 1", json!([[1], [3]])),
        (
            "select a, null as d from t where a = 2 union all by name select d, a from u order by a limit 1",
            json!([[1, "2024-01-01"]]),
        ),
        ("select try_cast('x' as integer), try('x'::integer)", json!([[null, null]])),
        ("select 'ä' < 'b' collate de, upper('x') collate nocase = 'x'", json!([[true, true]])),
        (
            "select string_agg(b, '|' order by a), array_agg(a order by a desc), median(c), quantile_cont(c, 0.5), mode(b) from t",
            json!([["x|y|x", [3, 2, 1], 20, 20, "x"]]),
        ),
        (
            "select arg_max(b, c), any_value(b) is not null, approx_count_distinct(a) > 0, stddev(a), corr(a, c) from t",
            json!([["x", true, true, 1, 1]]),
        ),
        ("select histogram(b) from t", json!([[{"x": 2, "y": 1}]])),
        (
            "select a in (select a from u), exists (from u where u.a = t.a), a = any (select a from u) from t order by a",
            json!([[true, true, true], [false, false, false], [true, true, true]]),
        ),
        ("select t.a from t semi join u using (a) order by 1", json!([[1], [3]])),
        ("select t.a from t anti join u using (a)", json!([[2]])),
        ("select count(*) from t cross join u", json!([[6]])),
        ("select count(*) from t full join u using (a)", json!([[3]])),
        ("select distinct on (b) b, a from t order by b, a", json!([["x", 1], ["y", 2]])),
        ("select a, b from t order by all limit 1 offset 1", json!([[2, "y"]])),
        ("select b, sum(c) as s from t group by all having s > 20", json!([["x", 40]])),
        (
            "select coalesce(null, 1), nullif(1, 1), ifnull(null, 2), greatest(1, 3), if(true, 1, 2)",
            json!([[1, null, 2, 3, 1]]),
        ),
        (
            "select struct_pack(x := 1).x, row(1, 2) is not null, map(['k'], [1])['k'], [1, 2, 3][2:]",
            json!([[1, true, 1, [2, 3]]]),
        ),
        (
            "select levenshtein('abc', 'abd'), jaro_winkler_similarity('a', 'a'), format('{}-{}', 1, 'x'), printf('%03d', 7)",
            json!([[1, 1, "1-x", "007"]]),
        ),
        (
            "select ntile(2) over w, lag(a) over w, first_value(a) over w from t window w as (order by a) order by a limit 1",
            json!([[1, null, 1]]),
        ),
        ("select main.t.a from main.t limit 0", json!([])),
        ("table t limit 0", json!([])),
    ] {
        match client.call("query", &json!({"sql": sql})) {
            Ok(reply) if reply["rows"] == rows => {}
            Ok(reply) => wrong.push(format!("{sql}: found {}, expected {rows}", reply["rows"])),
            Err(fault) => wrong.push(format!("{sql}: {fault}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn deep_sql_and_numbers_out_of_range_are_no_defects_of_ours() {
    let bench = bench();
    let mut client = bench.serve_files();
    let sum = vec!["1"; 400].join("+");
    assert_eq!(client.rows(&format!("select {sum}")), json!([[400]]));
    assert_eq!(client.rows("with recursive r(n) as (select 1 union all (with s as (from r) select n + 1 from s where n < 3)) select max(n) from r"), json!([[3]]));
    assert_eq!(code_of(&client.call("query", &json!({"sql": "select 1e400"}))), "invalid_sql");
}

#[test]
fn what_duckdb_would_advise_and_nobody_can_follow_is_said_in_other_words() {
    let bench = Bench::new().file("t.csv", "n\n1\n");
    let mut client = bench.serve_files();
    for (sql, message, hint) in [
        (format!("select {}1", "1+".repeat(20_000)), "nested too deeply", "list"),
        (format!("select {}true", "not ".repeat(20_000)), "nested too deeply", "list"),
        ("select 'a\0b'".to_owned(), "NUL character", "chr(0)"),
        ("select cast(n as foo) from t".to_owned(), "foo", "the dialect is DuckDB's"),
        ("select cast('x' as integer)".to_owned(), "Could not convert", "TRY_CAST"),
        ("select current_setting('memory_limit')".to_owned(), "not allowed", "nothing of this server"),
        ("from '/etc/t'".to_owned(), "no sheet is named", "import_file"),
    ] {
        let fault = client.call("query", &json!({"sql": sql})).unwrap_err();
        let shown: String = sql.chars().take(60).collect();
        assert!(fault["message"].as_str().unwrap().contains(message), "{shown}: {fault}");
        assert!(fault["hint"].as_str().unwrap_or_default().contains(hint), "{shown}: {fault}");
        assert!(!fault.to_string().contains("SET "), "{fault}");
    }
}
