//! Pages of any sizes put together are the whole, however long the cells are.

use serde_json::{Value, json};

use crate::harness::{Bench, Client};

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// All rows, page by page: `args` with an offset and a random number of rows, as `tool` takes them.
fn together(client: &mut Client<'_>, tool: &str, args: &Value, limit: &str, dice: &mut Dice) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    loop {
        let mut args = args.clone();
        args["offset"] = json!(rows.len());
        let most = [2, 30, 1_000][usize::try_from(dice.below(3)).unwrap()];
        args[limit] = json!(1 + dice.below(most));
        let page = client.call(tool, &args).unwrap();
        let got = page["rows"].as_array().unwrap();
        assert!(!got.is_empty(), "an empty page: {page}");
        rows.extend(got.iter().cloned());
        match page.get("next_offset") {
            Some(next) => assert_eq!(next, rows.len()),
            None => return rows,
        }
    }
}

#[test]
fn pages_of_random_sizes_put_together_are_the_whole() {
    let mut dice = Dice(7);
    for _ in 0..4 {
        let n_rows = 1 + dice.below(400);
        let longest = [1, 40, 3_000][usize::try_from(dice.below(3)).unwrap()];
        let cells: Vec<String> = (0..n_rows)
            .map(|n| format!("r{n}-{}", "x".repeat(usize::try_from(dice.below(longest)).unwrap())))
            .collect();
        let lines: String = cells.iter().enumerate().map(|(id, cell)| format!("{id},{cell}\n")).collect();
        let bench = Bench::new().file("t.csv", format!("id,cell\n{lines}"));
        let mut client = bench.serve_files();
        let whole: Vec<Value> = cells.iter().enumerate().map(|(id, cell)| json!([id, cell])).collect();
        assert_eq!(together(&mut client, "preview_rows", &json!({"sheet": "t"}), "n_rows", &mut dice), whole);

        let first =
            client.call("query", &json!({"sql": "from t order by id", "max_rows": 1 + dice.below(20)})).unwrap();
        if let Some(result) = first.get("result") {
            assert_eq!(together(&mut client, "read_result", &json!({"result": result}), "max_rows", &mut dice), whole);
        } else {
            assert_eq!(first["rows"], json!(whole));
        }
    }
}
