//! `test_hypothesis`: equal to `SciPy` and statsmodels on real sheets, and clear where a test can't be made.

use std::{fmt::Write as _, fs, path::Path};

use serde_json::{Value, json};

use crate::harness::{Bench, Client, at, fault};

/// Relative to the expected figure.
const PRECISION: f64 = 1e-6;

fn repository(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The sheets that `tests/reference/make_hypotheses.py` reads.
fn examples() -> Bench {
    let mut large = "a,b,c,few_3,few_40,few_1200\n".to_owned();
    for i in 0..30_000_u64 {
        let (a, b, c) = (i * 7919 % 10_007, i * 104_729 % 10_009 + i % 3 * 40, i * 15_485_863 % 9973 + 700);
        let few = |n: u64| if i < n { c.to_string() } else { String::new() };
        writeln!(large, "{a},{b},{c},{},{},{}", few(3), few(40), few(1200)).unwrap();
    }
    ["birdstrikes", "weather", "employment", "co2"]
        .iter()
        .fold(Bench::new(), |bench, name| {
            bench.file(&format!("{name}.csv"), repository(&format!("examples/{name}.csv")))
        })
        .file("large.csv", large)
}

fn is_close(found: f64, expected: f64) -> bool {
    // Below the smallest normal number no digits are left to compare.
    (found - expected).abs() <= PRECISION * expected.abs() || (expected.abs() < 1e-300 && found.abs() < 1e-300)
}

/// The figures of a reply under the names of the table.
fn figures(reply: &Value, name: &str) -> Value {
    let of_each = |list: &str, field: &str| -> Value {
        reply[list].as_array().unwrap().iter().map(|item| item[field].clone()).collect()
    };
    match name {
        "ci" => json!([reply["estimates"][0]["ci_low"], reply["estimates"][0]["ci_high"]]),
        "effect" => reply["effect_sizes"][0]["value"].clone(),
        "group_n" => of_each("groups", "n"),
        "group_mean" => of_each("groups", "mean"),
        "group_sd" => of_each("groups", "sd"),
        "r_squared" => reply["effect_sizes"][0]["value"].clone(),
        "adjusted" => reply["effect_sizes"][1]["value"].clone(),
        "residual" => reply["effect_sizes"][2]["value"].clone(),
        "coefficients" => of_each("coefficients", "value"),
        "std_errors" => of_each("coefficients", "std_error"),
        "t" => of_each("coefficients", "t"),
        "p_values" => of_each("coefficients", "p_value"),
        "ci_low" => of_each("coefficients", "ci_low"),
        "ci_high" => of_each("coefficients", "ci_high"),
        plain => reply[plain].clone(),
    }
}

fn flat(value: &Value) -> Vec<f64> {
    if let Value::Array(items) = value {
        return items.iter().flat_map(flat).collect();
    }
    vec![value.as_f64().unwrap_or(f64::NAN)]
}

#[test]
fn figures_are_those_of_scipy_and_statsmodels() {
    let bench = examples();
    let mut client = bench.serve_files();
    let cases: Vec<Value> = serde_json::from_str(&repository("tests/reference/hypotheses.json")).unwrap();
    assert!(cases.len() > 70);
    let mut wrong = Vec::new();
    for case in &cases {
        let reply = match client.call("test_hypothesis", &case["args"]) {
            Ok(reply) => reply,
            Err(fault) => {
                wrong.push(format!("{}: {fault}", case["args"]));
                continue;
            }
        };
        for (name, expected) in case["expect"].as_object().unwrap() {
            let (found, expected) = (flat(&figures(&reply, name)), flat(expected));
            let equal = found.len() == expected.len()
                && found.iter().zip(&expected).all(|(found, expected)| is_close(*found, *expected));
            if !equal {
                wrong.push(format!("{} {name}: {found:?} is not {expected:?}", case["args"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn small() -> Bench {
    Bench::new().file(
        "small.csv",
        "region,amount,price,same,note\nnorth,1,2.5,7,a\nnorth,2,3.5,7,b\nsouth,3,1.5,7,c\nsouth,5,,7,d\nwest,8,4.5,7,e\n",
    )
}

#[test]
fn a_reply_says_what_was_tested_how_and_with_what_result() {
    let bench = small();
    let mut client = bench.serve_files();
    client.check(
        "test_hypothesis",
        json!({"test": "mann_whitney", "sheet": "small", "columns": ["amount"], "group_by": "region", "groups": ["south", "north"]}),
        json!({
            "test": "mann_whitney",
            "method": "Mann-Whitney U test (exact): independent samples; U is that of south",
            "statistic_name": "U", "statistic": 4.0, "p_value": 0.333_333_333_333_333_3,
            "n": 4, "n_dropped": 0,
            "groups": [
                {"name": "south", "n": 2, "mean": 4.0, "median": 4.0, "sd": 2.0_f64.sqrt()},
                {"name": "north", "n": 2, "mean": 1.5, "median": 1.5, "sd": 0.5_f64.sqrt()},
            ],
            "effect_sizes": [
                {"name": "rank-biserial correlation", "value": 1.0},
                {"name": "probability of superiority", "value": 1.0},
            ],
            "conclusion": "no difference is shown between south and north (medians 4 and 1.5) (p = 0.333333, not significant at 5%)",
        }),
    );
}

#[test]
fn rows_with_nulls_are_left_out_and_counted() {
    let bench = small();
    let mut client = bench.serve_files();
    let reply =
        client.call("test_hypothesis", &json!({"test": "pearson", "sheet": "small", "columns": ["amount", "price"]}));
    let reply = reply.unwrap();
    assert_eq!([at(&reply, "/n"), at(&reply, "/n_dropped")], [&json!(4), &json!(1)]);
}

#[track_caller]
fn refused(client: &mut Client<'_>, args: Value, message: &str, hint: &str) {
    let mut args = args;
    args["sheet"] = json!("small");
    client.check_fault("test_hypothesis", args, fault("invalid_arguments", message, hint));
}

#[test]
fn what_does_not_fit_a_test_is_a_fault_that_says_what_does() {
    let bench = small();
    let mut client = bench.serve_files();
    let client = &mut client;
    refused(
        client,
        json!({"test": "pearson", "columns": ["amount", "note"]}),
        "`note` is VARCHAR, not numeric",
        "use a numeric column; for categories use `group_by` or `chi_square`; cast text that holds numbers first",
    );
    refused(
        client,
        json!({"test": "pearson", "columns": ["amount", "same"]}),
        "all values of `same` are equal, so there is nothing to test",
        "use a column that varies, or other rows (`where`)",
    );
    refused(
        client,
        json!({"test": "pearson", "columns": ["amount"]}),
        "1 columns do not fit this test",
        "it takes two numeric `columns`",
    );
    refused(
        client,
        json!({"test": "pearson", "columns": ["amount", "amount"]}),
        "`amount` is named twice",
        "name different columns",
    );
    refused(
        client,
        json!({"test": "t_welch", "columns": ["amount"], "group_by": "region"}),
        "`region` gives 3 groups with values: `north`, `south`, `west`",
        "name the 2 to compare in `groups`, or use `anova` or `kruskal_wallis` for more",
    );
    refused(
        client,
        json!({"test": "t_welch", "columns": ["amount"], "group_by": "region", "groups": ["north", "east"]}),
        "the group `east` has no values",
        "`describe_sheet` shows the values of `region`",
    );
    refused(
        client,
        json!({"test": "t_welch", "columns": ["amount"], "group_by": "region", "groups": ["north", "west"]}),
        "`west` has 1 usable values, and this test needs 2",
        "rows with nulls are left out: use more rows, or another column",
    );
    refused(
        client,
        json!({"test": "dagostino_pearson", "columns": ["amount"]}),
        "`amount` has 5 usable values, and this test needs 8",
        "rows with nulls are left out: use more rows, or another column",
    );
    refused(
        client,
        json!({"test": "pearson", "columns": ["amount", "price"], "where": "amount > 100"}),
        "no row meets `where`",
        "look at the sheet with `describe_sheet`",
    );
    refused(
        client,
        json!({"test": "pearson", "columns": []}),
        "`columns` is empty",
        "name columns of `small`; `describe_sheet` lists them",
    );
    refused(
        client,
        json!({"test": "goodness_of_fit", "columns": ["region"], "groups": ["north", "south", "west"], "expected": [1]}),
        "1 shares in `expected` for 3 values",
        "give one share above 0 for each of `groups`: `north`, `south`, `west`",
    );
}

#[test]
fn a_predictor_that_the_others_determine_is_named() {
    let rows: String = (0..30).map(|i| format!("{},{i},{},{}\n", i * i, i % 7, 2 * i + 3 * (i % 7))).collect();
    let bench = Bench::new().file("small.csv", format!("y,a,b,both\n{rows}"));
    let mut client = bench.serve_files();
    refused(
        &mut client,
        json!({"test": "linear_regression", "columns": ["y", "a", "b", "both"]}),
        "`both` is a linear combination of the predictors before it",
        "leave it out",
    );
}

#[test]
fn a_condition_can_read_sheets_only() {
    let bench = small();
    let mut client = bench.serve_files();
    for (condition, code) in [
        ("amount > (select max(column0) from read_csv('/etc/passwd'))", "sql_refused"),
        ("amout > 1", "column_not_found"),
        ("1 = 1); drop table small; --", "invalid_sql"),
        ("true) union all (select * from small where true", "invalid_sql"),
    ] {
        let args = json!({"test": "pearson", "sheet": "small", "columns": ["amount", "price"], "where": condition});
        let fault = client.call("test_hypothesis", &args).unwrap_err();
        assert_eq!(fault["code"], code, "{condition}: {fault}");
    }
}

#[test]
fn large_numbers_lose_no_digits() {
    // Multiples of 1/1024: a billion more of each is exact, and changes no difference.
    let mut rows = String::from("g,small,large,twin,large_twin\n");
    for i in 0..400_u32 {
        let noise = f64::from(i * 7919 % 101) / 1024.0;
        let (small, twin) = (noise + f64::from(i % 2) / 256.0, 3.0 * noise + f64::from(i * 31 % 17) / 1024.0);
        let g = if i % 2 == 0 { "a" } else { "b" };
        writeln!(rows, "{g},{small:.10},{:.10},{twin:.10},{:.10}", 1e9 + small, 1e9 + twin).unwrap();
    }
    let bench = Bench::new().file("far.csv", rows);
    let mut client = bench.serve_files();
    for (test, near, far, by) in [
        ("t_welch", json!(["small"]), json!(["large"]), "g"),
        ("anova", json!(["small"]), json!(["large"]), "g"),
        ("t_paired", json!(["small", "twin"]), json!(["large", "large_twin"]), ""),
        ("pearson", json!(["small", "twin"]), json!(["large", "large_twin"]), ""),
        ("linear_regression", json!(["twin", "small"]), json!(["large_twin", "large"]), ""),
    ] {
        let [near, far] = [near, far].map(|columns| {
            let args = json!({"test": test, "sheet": "far", "columns": columns, "group_by": by});
            let reply = client.call("test_hypothesis", &args).unwrap();
            [&reply["statistic"], &reply["p_value"]].map(|it| it.as_f64().unwrap())
        });
        for (near, far) in near.into_iter().zip(far) {
            assert!((near - far).abs() <= 1e-9 * near.abs(), "{test}: {near} and {far}");
        }
    }
}

#[test]
fn a_regression_that_fits_nearly_has_all_its_digits() {
    let xs: Vec<f64> = (0..1000_u32).map(|i| f64::from(i) / 8.0).collect();
    let noise = |i: u32| (f64::from(i * 7919 % 1009) - 504.0) / 524_288.0;
    let ys: Vec<f64> = (0..).zip(&xs).map(|(i, x)| 3.0 * x + 1.0 + noise(i)).collect();
    let rows: String = xs.iter().zip(&ys).map(|(x, y)| format!("{x},{y}\n")).collect();
    let bench = Bench::new().file("fit.csv", format!("x,y\n{rows}"));
    let mut client = bench.serve_files();
    let args = json!({"test": "linear_regression", "sheet": "fit", "columns": ["y", "x"]});
    let found = client.call("test_hypothesis", &args).unwrap()["statistic"].as_f64().unwrap();
    // The same of the noise about the line, which is small and so loses nothing.
    let n = 1000.0;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
    let es: Vec<f64> = (0..1000).map(noise).collect();
    let (x_mean, e_mean) = (mean(&xs), mean(&es));
    let sxx: f64 = xs.iter().map(|x| (x - x_mean).powi(2)).sum();
    let sxe: f64 = xs.iter().zip(&es).map(|(x, e)| (x - x_mean) * (e - e_mean)).sum();
    let off = sxe / sxx;
    let rest: f64 = xs.iter().zip(&es).map(|(x, e)| (e - e_mean - off * (x - x_mean)).powi(2)).sum();
    let f = (3.0 + off).powi(2) * sxx / (rest / (n - 2.0));
    assert!((found - f).abs() <= 1e-8 * f, "{found} and {f}");
}

#[test]
fn huge_numbers_are_tested_or_refused_in_words() {
    let rows: String = (1..40).map(|i| format!("{i}e300,{}e300,{}\n", i * i, i % 7)).collect();
    let bench = Bench::new().file("huge.csv", format!("a,b,c\n{rows}"));
    let mut client = bench.serve_files();
    let mut call =
        |test: &str| client.call("test_hypothesis", &json!({"test": test, "sheet": "huge", "columns": ["a", "b"]}));
    let r = call("pearson").unwrap()["statistic"].as_f64().unwrap();
    assert!((0.96..0.98).contains(&r), "{r}");
    let fault = call("t_paired").unwrap_err();
    assert_eq!(fault["code"], "invalid_arguments");
    assert!(fault["message"].as_str().unwrap().contains("too large"), "{fault}");
}

#[test]
fn a_small_sample_beside_a_large_one_has_an_exact_rank_test() {
    // Five values between 20,000: the exact p by SciPy (`mannwhitneyu(..., method="exact")`) is 0.8107.
    let mut rows = String::from("g,v\n");
    for i in 0..20_000 {
        writeln!(rows, "large,{}", 2 * i).unwrap();
    }
    for v in [5_001, 12_001, 21_001, 30_001, 38_001] {
        writeln!(rows, "few,{v}").unwrap();
    }
    let bench = Bench::new().file("ranks.csv", rows);
    let mut client = bench.serve_files();
    let args = json!({"test": "mann_whitney", "sheet": "ranks", "columns": ["v"], "group_by": "g"});
    let reply = client.call("test_hypothesis", &args).unwrap();
    assert!(reply["method"].as_str().unwrap().contains("exact"), "{reply}");
    let p_value = reply["p_value"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&p_value), "{reply}");
}
