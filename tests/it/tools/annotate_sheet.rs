//! `annotate_sheet`; what `ask` makes of notes is in `tests/it/ask/memory.rs`.

use serde_json::json;

use crate::harness::{Bench, code_of};

#[test]
fn a_note_takes_the_place_of_the_one_before_and_describes_the_sheet_until_it_is_taken_away() {
    let bench = Bench::new().file("sales.csv", "region,amount\nnorth,1\n").file("other.csv", "region\nnorth\n");
    let mut client = bench.serve_files();
    let note = json!({"sheet": "sales", "column": "amount", "meaning": "net", "unit": "EUR", "synonyms": ["turnover"]});
    client.check(
        "annotate_sheet",
        json!({"sheet": "Sales", "column": "AMOUNT", "unit": "USD"}),
        json!({"sheet": "sales", "column": "amount", "meaning": "", "unit": "USD", "synonyms": []}),
    );
    client.check("annotate_sheet", note.clone(), note.clone());
    let whole = json!({"sheet": "sales", "column": "", "meaning": "till receipts", "unit": "", "synonyms": []});
    client.check("annotate_sheet", json!({"sheet": "sales", "meaning": "till receipts"}), whole.clone());
    let mut annotations = |sheet: &str| {
        client.call("describe_sheet", &json!({"sheet": sheet})).unwrap().get("annotations").cloned().unwrap_or_default()
    };
    assert_eq!(annotations("sales"), json!([whole, note]));
    assert_eq!(annotations("other"), json!(null));
    client.call("annotate_sheet", &json!({"sheet": "sales"})).unwrap();
    client.call("annotate_sheet", &json!({"sheet": "sales", "column": "amount"})).unwrap();
    assert_eq!(client.call("describe_sheet", &json!({"sheet": "sales"})).unwrap().get("annotations"), None);
    for (args, code) in [
        (json!({"sheet": "sale", "unit": "x"}), "sheet_not_found"),
        (json!({"sheet": "sales", "column": "amout", "unit": "x"}), "column_not_found"),
        (json!({"sheet": "sales", "unit": "x".repeat(501)}), "invalid_arguments"),
    ] {
        assert_eq!(code_of(&client.call("annotate_sheet", &args)), code, "{args}");
    }
}
