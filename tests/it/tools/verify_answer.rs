//! `verify_answer`; what `ask` makes of verified answers is in `tests/it/ask/memory.rs`.

use serde_json::json;

use crate::harness::{
    Bench, Client, Era, at, fault,
    model::{Model, answer, query},
};

#[test]
fn an_answer_is_marked_as_right_and_unmarked_by_its_id() {
    let bench = Bench::new().file("t.csv", "a\n1\n2\n");
    let sql = "select sum(a) as s from t";
    let model = Model::of(vec![query(sql), answer("The sum is 3.", sql)]);
    let mut command = bench.with_model(&model, &["stdio"]);
    let mut client = Client::of(&bench, &mut command, Era::November2025);
    client.greet();
    client.call("import_file", &json!({"path": "$FILES/t.csv"})).unwrap();
    let reply = client.call("ask", &json!({"question": "What is the sum of a?"})).unwrap();
    let id = at(&reply, "/id").clone();
    let n_verified = || {
        let listed = bench.run(&["memory", "list", "--verified"]).out;
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        listed["answers"].as_array().unwrap().len()
    };
    assert_eq!(n_verified(), 0);
    client.check("verify_answer", json!({"answer": id}), json!({"answer": id, "verified": true}));
    assert_eq!(n_verified(), 1);
    client.check("verify_answer", json!({"answer": id, "verified": false}), json!({"answer": id, "verified": false}));
    assert_eq!(n_verified(), 0);
    client.check_fault(
        "verify_answer",
        json!({"answer": "none"}),
        fault(
            "not_found",
            "there is no answer `none`",
            "`ask` gives an answer's `id`; `quire memory` lists those that are kept",
        ),
    );
}
