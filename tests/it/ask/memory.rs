//! What users tell `ask`, and what it makes of it.

use serde_json::{Value, json};

use super::{TOTAL, bench, plain};
use crate::harness::{Bench, at, model::Model};

fn memory(bench: &Bench, args: &[&str]) -> Value {
    let ended = bench.run(&[&["memory"], args].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    serde_json::from_str(&ended.out).unwrap_or_default()
}

/// What the model was told of the sheets in the last first request.
fn told(model: &Model) -> Value {
    let requests = model.requests();
    let first = requests.iter().rev().find(|it| it["messages"].as_array().unwrap().len() == 2).unwrap();
    let user = at(first, "/messages/1/content").as_str().unwrap();
    serde_json::from_str(user.lines().find(|line| line.starts_with('{')).unwrap()).unwrap()
}

#[test]
fn a_verified_answer_is_an_example_for_later_questions_until_it_is_forgotten() {
    let bench = bench();
    let model = Model::start(|n, _| plain()[n % 2].clone());
    let id = at(&bench.ask(&model, "What did each region sell?", &[]).unwrap(), "/id").as_str().unwrap().to_owned();
    assert!(bench.ask(&model, "Which region is best?", &[]).is_ok());
    assert_eq!(told(&model).get("verified_examples"), None);

    memory(&bench, &["verify", &id]);
    let listed = memory(&bench, &["list", "--verified"]);
    assert_eq!(at(&listed, "/answers/0/id"), id.as_str());
    assert_eq!(at(&listed, "/answers/0/question"), "What did each region sell?");
    bench.ask(&model, "Which region sold most?", &[]).unwrap();
    let example =
        json!([{"question": "What did each region sell?", "sql": TOTAL, "answer": "North sold 30.75 and South 5.00."}]);
    assert_eq!(told(&model)["verified_examples"], example);
    bench.ask(&model, "How about something else entirely?", &[]).unwrap();
    assert_eq!(told(&model).get("verified_examples"), None, "nothing in common");

    memory(&bench, &["unverify", &id]);
    assert_eq!(at(&memory(&bench, &["list", "--verified"]), "/answers"), &json!([]));
    memory(&bench, &["forget", &id]);
    assert!(!memory(&bench, &[]).to_string().contains(&id));
    let ended = bench.run(&["memory", "verify", &id, "--json"]);
    assert!(ended.err.contains("not_found"), "{}", ended.err);
}

#[test]
fn an_example_is_told_with_its_whole_sql_and_only_where_words_that_say_something_agree() {
    let bench = bench();
    let conditions: String = (0..30).map(|n| format!(" and amount <> {}", 1_000 + n)).collect();
    let sql = format!("select sum(amount) as total from sales where amount > 0{conditions}");
    let replies = [crate::harness::model::query(&sql), crate::harness::model::answer("It is 35.75.", &sql)];
    let model = Model::start(move |n, _| replies[n % 2].clone());
    let id = at(&bench.ask(&model, "How much turnover did all the shops make?", &[]).unwrap(), "/id")
        .as_str()
        .unwrap()
        .to_owned();
    memory(&bench, &["verify", &id]);
    bench.ask(&model, "How much turnover is there?", &[]).unwrap();
    assert_eq!(told(&model)["verified_examples"][0]["sql"], sql);
    bench.ask(&model, "How much did all of the regions have?", &[]).unwrap();
    assert_eq!(told(&model).get("verified_examples"), None);
}

#[test]
fn notes_on_sheets_and_columns_are_told_and_can_be_changed_and_taken_away() {
    let bench = bench();
    let model = Model::start(|n, _| plain()[n % 2].clone());
    bench.ask(&model, "x1?", &[]).unwrap();
    memory(&bench, &["note", "sales", "--meaning", "till receipts"]);
    memory(
        &bench,
        &[
            "note",
            "sales",
            "AMOUNT",
            "--meaning",
            "net",
            "--unit",
            "EUR",
            "--synonym",
            "turnover",
            "--synonym",
            "revenue",
        ],
    );
    let note = json!([
        {"sheet": "sales", "meaning": "till receipts"},
        {"sheet": "sales", "column": "amount", "meaning": "net", "unit": "EUR", "synonyms": ["turnover", "revenue"]},
    ]);
    assert_eq!(at(&memory(&bench, &[]), "/notes"), &note);
    bench.ask(&model, "x2?", &[]).unwrap();
    let sheet = at(&told(&model), "/sheets/0").clone();
    assert_eq!(at(&sheet, "/meaning"), "till receipts");
    let amount = at(&sheet, "/columns/2");
    assert_eq!(
        [&amount["meaning"], &amount["unit"], &amount["synonyms"]],
        [&json!("net"), &json!("EUR"), &json!(["turnover", "revenue"])]
    );

    memory(&bench, &["note", "sales", "amount", "--unit", "USD"]);
    memory(&bench, &["note", "sales"]);
    assert_eq!(at(&memory(&bench, &[]), "/notes"), &json!([{"sheet": "sales", "column": "amount", "unit": "USD"}]));
    for (args, code) in [
        (["memory", "note", "sale", "--unit", "x"].as_slice(), "sheet_not_found"),
        (&["memory", "note", "sales", "amout", "--unit", "x"], "column_not_found"),
        (&["memory", "note", "sales", "--unit", &"x".repeat(501)], "invalid_arguments"),
    ] {
        let ended = bench.run(&[args, &["--json"]].concat());
        assert!(ended.err.contains(code), "{}", ended.err);
    }
}

#[test]
fn a_purged_sheet_leaves_no_answers_and_no_notes() {
    let bench = bench();
    let model = Model::of(plain());
    let id = at(&bench.ask(&model, "What did each region sell?", &[]).unwrap(), "/id").as_str().unwrap().to_owned();
    memory(&bench, &["verify", &id]);
    memory(&bench, &["note", "sales", "--meaning", "secret"]);
    assert_eq!(bench.run(&["purge", "sales", "--yes"]).code, Some(0));
    assert_eq!(memory(&bench, &[]), json!({"answers": [], "notes": []}));
    for file in std::fs::read_dir(bench.data_dir()).unwrap().map(|it| it.unwrap().path()).filter(|it| it.is_file()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(5).any(|it| it == b"30.75"), "{}", file.display());
    }
}
