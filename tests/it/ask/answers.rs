//! What becomes of answers: on the terminal, remembered, replayed from a transcript.

use serde_json::{Value, json};

use super::{SALES, TOTAL, bench, plain};
use crate::harness::{
    at, code_of,
    model::{Desk, Model, answer, calls, delta, query, stream, text},
};

const QUESTION: &str = "What did each region sell?";

#[test]
fn the_terminal_gets_steps_while_it_works_and_the_answer_with_its_evidence() {
    let bench = bench();
    let model = Model::of(plain());
    let mut command = bench.with_model(&model, &["ask", QUESTION]);
    let ended = bench.ended(command.arg("--open").arg(bench.path("sales.csv")));
    let expect = format!(
        "North sold 30.75 and South 5.00.\n\nregion  total\nNorth   30.75\nSouth   5.0\n\nSQL: {TOTAL}\nSheets: sales v1\n"
    );
    assert_eq!(ended.out, expect);
    assert!(ended.err.contains(&format!("> query\n  {TOTAL}  [ok, ")), "{}", ended.err);
    assert!(ended.err.contains("[scripted, 200 + 20 tokens, "), "{}", ended.err);
}

/// Asks twice, `between` in between; whether the second answer was remembered.
fn is_remembered(
    replies: Vec<crate::harness::model::Reply>,
    second: &str,
    between: impl Fn(&crate::harness::Bench),
    flags: &[&str],
) -> bool {
    let bench = bench();
    let n_replies = replies.len();
    let model = Model::start(move |n, _| replies[n % n_replies].clone());
    let first = bench.ask(&model, QUESTION, &[]);
    between(&bench);
    let n_requests = model.requests().len();
    let again = bench.ask(&model, second, flags);
    assert_eq!(code_of(&first), code_of(&again));
    let is_cached = again.as_ref().is_ok_and(|it| it["cached"] == true);
    assert_eq!(is_cached, model.requests().len() == n_requests);
    if is_cached {
        let (first, again) = (first.unwrap(), again.unwrap());
        for pointer in ["/answer", "/sql", "/table", "/sheets", "/caveats", "/id", "/model"] {
            assert_eq!(at(&first, pointer), at(&again, pointer));
        }
        assert_eq!(at(&again, "/tokens"), &json!({"prompt": 0, "completion": 0}));
    }
    is_cached
}

#[test]
fn the_same_question_over_the_same_data_is_answered_again_without_the_model() {
    assert!(is_remembered(plain(), QUESTION, |_| (), &[]));
    assert!(is_remembered(plain(), &format!("  {}\n", QUESTION.replace(' ', "\n  ")), |_| (), &[]));
}

#[test]
fn another_question_other_data_another_model_or_other_settings_are_answered_anew() {
    assert!(!is_remembered(plain(), "What did each region sell in all?", |_| (), &[]));
    assert!(!is_remembered(plain(), &QUESTION.to_uppercase(), |_| (), &[]));
    assert!(!is_remembered(
        plain(),
        QUESTION,
        |bench| bench.write("sales.csv", SALES.replace("Tea,5.00", "Tea,5.10")),
        &[]
    ));
    assert!(!is_remembered(plain(), QUESTION, |bench| bench.write("more.csv", "a\n1\n"), &[]));
    assert!(!is_remembered(plain(), QUESTION, |_| (), &["--llm-model", "other"]));
    assert!(!is_remembered(plain(), QUESTION, |_| (), &["--ask-steps", "9"]));
    assert!(!is_remembered(plain(), QUESTION, |_| (), &["--ask-no-cache"]));
    let note = |bench: &crate::harness::Bench| {
        assert_eq!(bench.run(&["memory", "note", "sales", "amount", "--unit", "EUR"]).code, Some(0));
    };
    assert!(!is_remembered(plain(), QUESTION, note, &[]));
}

#[test]
fn what_may_differ_next_time_is_never_remembered() {
    let one = |sql: &str| vec![query(sql), answer("So it is.", sql)];
    let bench = bench();
    let mut desk = Desk::new(&bench, &[]);
    for (what, replies) in [
        ("the day", one("select count(*) from sales where day < current_date")),
        ("the time", one("select count(*) from sales where day < now()")),
        ("chance", one("select region from sales order by random() limit 1")),
        ("a sample", one("select count(*) from (select * from sales using sample 50%)")),
        ("a cut result", one("select s.* from sales s, range(300)")),
        ("a question back", vec![calls(&[("clarify", json!({"question": "Which?", "options": []}))])]),
        ("an invention", vec![query(TOTAL), answer("It is 99.", TOTAL), answer("It is 99.", TOTAL)]),
        ("no SQL", vec![answer("The sheets do not say.", "")]),
        ("what happened today", plain()),
        (
            "a literal that came from the date",
            vec![
                query("select min(day) as day from sales where day < current_date"),
                query("select count(*) as n from sales where day = '2024-01-05'"),
                answer("It is 1.", "select count(*) as n from sales where day = '2024-01-05'"),
            ],
        ),
        ("a doubt that was left to stand", one("select count(*) as n from sales where region = 'Nort'")),
        ("a failure", vec![text("")]),
        ("plain text in place of an answer", vec![query(TOTAL), text("North sold 30.75.")]),
        ("a partial answer", vec![query(TOTAL), query(TOTAL), answer("North sold 30.75.", TOTAL)]),
    ] {
        let (first, _) = desk.ask(what, replies.clone());
        let (again, requests) = desk.ask(what, replies);
        assert_eq!(code_of(&first), code_of(&again), "{what}");
        assert!(!requests.is_empty() && again.is_ok_and(|it| it["cached"] == false) == (what != "a failure"), "{what}");
    }
    let (_, first) = desk.ask("anything else", plain());
    let (again, requests) = desk.ask("anything else", plain());
    assert_eq!((first.len(), requests.len(), at(&again.unwrap(), "/cached")), (2, 0, &json!(true)));
}

#[test]
fn a_question_can_be_replayed_from_its_transcript_without_a_model() {
    let bench = bench();
    let model = Model::of(plain());
    let file = bench.outside().join("transcript.json");
    let file = file.to_str().unwrap();
    let told = bench.ask(&model, QUESTION, &["--transcript", file]).unwrap();
    let written: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(at(&written, "/question"), QUESTION);
    assert_eq!(at(&written, "/exchanges").as_array().unwrap().len(), 2);
    assert!(!written.to_string().contains(crate::harness::model::KEY));

    let replay = || -> Value { serde_json::from_str(&bench.run(&["ask", "--replay", file, "--full"]).out).unwrap() };
    let played = replay();
    for pointer in ["/status", "/answer", "/sql", "/table", "/sheets", "/caveats", "/model", "/tokens"] {
        assert_eq!(at(&told, pointer), at(&played, pointer), "{pointer}");
    }
    let calls =
        |answer: &Value| answer["steps"].as_array().unwrap().iter().map(|it| it["call"].clone()).collect::<Vec<_>>();
    assert_eq!(calls(&told), calls(&played));

    // The data is read again: it may have changed since.
    bench.write("sales.csv", SALES.replace("Tea,5.00", "Tea,6.00"));
    assert_eq!(at(&replay(), "/table/rows/1"), &json!(["South", 6.0]));
    assert!(at(&replay(), "/caveats").to_string().contains("turns were asked otherwise than in the transcript"));
    std::fs::write(file, "{}").unwrap();
    assert_eq!(bench.run(&["ask", "--replay", file]).code, Some(2));
}

#[test]
fn a_transcript_of_a_failure_is_kept_too() {
    let bench = bench();
    let file = bench.outside().join("transcript.json");
    let model = Model::of(vec![crate::harness::model::error(401, &[], "", "no")]);
    assert!(bench.ask(&model, QUESTION, &["--transcript", file.to_str().unwrap()]).is_err());
    let ended = bench.run(&["ask", "--replay", file.to_str().unwrap(), "--json"]);
    assert!(ended.err.contains("the model's server answered 401"), "{}", ended.err);
}

#[test]
fn a_users_tokens_of_the_day_run_out() {
    let bench = bench();
    let model = Model::start(|n, _| plain()[n % 2].clone());
    let flags = ["--ask-daily-tokens", "220", "--ask-no-cache"];
    assert_eq!(code_of(&bench.ask(&model, QUESTION, &flags)), "ok");
    let fault = bench.ask(&model, QUESTION, &flags).unwrap_err();
    assert_eq!(
        [at(&fault, "/code"), at(&fault, "/message")],
        ["quota_exceeded", "220 tokens are spent of the day's 220"]
    );
    assert_eq!(model.requests().len(), 2);
}

#[test]
fn a_days_tokens_are_taken_before_they_are_spent() {
    let bench = bench();
    // While its first turn is not answered yet, a question beside it finds nothing left.
    let (asked, is_asked) = std::sync::mpsc::channel();
    let (go, waits) = std::sync::mpsc::channel::<()>();
    let waits = std::sync::Mutex::new(waits);
    let slow = Model::start(move |n, _| {
        if n == 0 {
            asked.send(()).unwrap();
            waits.lock().unwrap().recv().unwrap();
        }
        plain()[n.min(1)].clone()
    });
    let flags = ["--ask-daily-tokens", "500", "--ask-no-cache"];
    std::thread::scope(|scope| {
        let first = scope.spawn(|| bench.ask(&slow, QUESTION, &flags));
        is_asked.recv().unwrap();
        let beside = Model::of(plain());
        let fault = bench.ask(&beside, QUESTION, &flags).unwrap_err();
        assert_eq!(at(&fault, "/code"), "quota_exceeded");
        assert_eq!(beside.requests().len(), 0);
        go.send(()).unwrap();
        assert_eq!(code_of(&first.join().unwrap()), "ok");
    });
    // What was taken and not used is there again.
    let model = Model::of(plain());
    assert_eq!(code_of(&bench.ask(&model, QUESTION, &flags)), "ok");
}

#[test]
fn a_replay_spends_nothing_of_the_day() {
    let bench = bench();
    let file = bench.outside().join("transcript.json");
    let file = file.to_str().unwrap();
    assert!(bench.ask(&Model::of(plain()), QUESTION, &["--transcript", file]).is_ok());
    for _ in 0..2 {
        let ended = bench.run(&["ask", "--replay", file, "--full", "--ask-daily-tokens", "221"]);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
    }
    let flags = ["--ask-daily-tokens", "221", "--ask-no-cache"];
    assert_eq!(code_of(&bench.ask(&Model::of(plain()), QUESTION, &flags)), "ok");
}

#[test]
fn verifying_an_answer_keeps_it_and_another_server_is_another_model() {
    let bench = bench();
    let model = Model::start(|n, _| plain()[n % 2].clone());
    let id = at(&bench.ask(&model, QUESTION, &[]).unwrap(), "/id").as_str().unwrap().to_owned();
    assert_eq!(bench.run(&["memory", "verify", &id]).code, Some(0));
    assert_eq!(at(&bench.ask(&model, QUESTION, &[]).unwrap(), "/cached"), &json!(true));
    let other = Model::start(|n, _| plain()[n % 2].clone());
    assert_eq!(at(&bench.ask(&other, QUESTION, &[]).unwrap(), "/cached"), &json!(false));
}

#[test]
fn a_question_needs_words_sheets_and_a_model() {
    let model = Model::of(plain());
    assert_eq!(code_of(&bench().ask(&model, "  ", &[])), "invalid_arguments");
    assert_eq!(code_of(&crate::harness::Bench::new().ask(&model, QUESTION, &[])), "sheet_not_found");
    let ended = bench().run(&["ask", QUESTION, "--json"]);
    assert!(ended.err.contains("model_not_configured") && ended.err.contains("`query`"), "{}", ended.err);
    assert_eq!(model.requests().len(), 0);
}

#[test]
fn a_turn_that_fails_costs_what_its_server_said() {
    let bench = bench();
    let usage = json!({"id": "x", "choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10}});
    let broken = stream(&[delta(json!({"content": "I think"})), usage], true);
    let flags = ["--ask-daily-tokens", "110", "--ask-no-cache"];
    assert_eq!(code_of(&bench.ask(&Model::of(vec![broken]), QUESTION, &flags)), "model_failed");
    let fault = bench.ask(&Model::of(plain()), QUESTION, &flags).unwrap_err();
    assert_eq!(at(&fault, "/message"), "110 tokens are spent of the day's 110");
}

#[test]
fn a_plain_text_answer_is_printed_once() {
    let bench = bench();
    let model = Model::of(vec![query(TOTAL), text("North sold 30.75.")]);
    let mut command = bench.with_model(&model, &["ask", QUESTION]);
    let ended = bench.ended(command.arg("--open").arg(bench.path("sales.csv")));
    assert!(ended.out.starts_with("North sold 30.75.\n"), "{}", ended.out);
    assert_eq!(format!("{}{}", ended.out, ended.err).matches("North sold").count(), 1, "{}", ended.err);
}

#[test]
fn a_sheet_is_found_however_many_there_are() {
    let bench = bench();
    assert!(bench.ask(&Model::of(plain()), "What is sold?", &[]).is_ok());
    // As many more as were once looked at, all of them before it by their names.
    let copies = "
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
        INSERT INTO sheets (user_id, source_id, name, title, hidden, position, created_at)
            SELECT user_id, source_id, printf('copy_%03d', i), printf('copy %d', i), 0, i, created_at FROM n, sheets;
        INSERT INTO versions (sheet_id, number, n_rows, columns, issues, layout, file, n_bytes, made_by, reading, steps, author, created_at)
            SELECT s.id, number, n_rows, columns, issues, layout, file, n_bytes, made_by, reading, steps, author, v.created_at
            FROM versions v, sheets s WHERE s.version_id IS NULL;
        UPDATE sheets SET version_id = (SELECT id FROM versions WHERE sheet_id = sheets.id) WHERE version_id IS NULL;";
    rusqlite::Connection::open(bench.data_dir().join("catalog.db")).unwrap().execute_batch(copies).unwrap();
    let reply = bench.ask(&Model::of(plain()), QUESTION, &[]).unwrap();
    assert_eq!([at(&reply, "/status"), at(&reply, "/sheets/0/name")], ["answered", "sales"], "{reply}");
}

#[test]
fn the_versions_that_are_told_are_those_that_were_read() {
    let bench = bench();
    let path = bench.path("sales.csv");
    let model = Model::start(move |n, _| {
        if n == 0 {
            std::fs::write(&path, format!("{SALES}West,Tea,1.25,2024-02-03\n")).unwrap();
        }
        let answer = answer("West sold 1.25.", TOTAL);
        [query(TOTAL), answer][n.min(1)].clone()
    });
    let reply = bench.ask(&model, QUESTION, &[]).unwrap();
    assert_eq!(at(&reply, "/table/n_rows"), 3, "{reply}");
    assert_eq!(at(&reply, "/sheets"), &json!([{"name": "sales", "version": 2}]));
}

#[test]
fn an_answer_that_is_no_longer_verified_is_not_given_again() {
    let bench = bench();
    let model = Model::start(|n, _| plain()[n % 2].clone());
    let id = at(&bench.ask(&model, QUESTION, &[]).unwrap(), "/id").as_str().unwrap().to_owned();
    for (verdict, is_cached) in [("verify", true), ("unverify", false)] {
        assert_eq!(bench.run(&["memory", verdict, &id]).code, Some(0));
        assert_eq!(at(&bench.ask(&model, QUESTION, &[]).unwrap(), "/cached"), &json!(is_cached), "{verdict}");
    }
}
