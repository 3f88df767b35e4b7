//! What callers and models see of each tool, as committed text under `tools/`, and rules over all tools.

use std::{collections::BTreeSet, env, fs, path::Path};

use quire::{
    tool::{Contract, openai},
    tools,
};
use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Of `tools/list` for all tools there will be, as far as it goes into a model's context.
const BYTES: usize = 12_288;
/// Tools that open issues name, and the room that is kept for each.
const TO_COME: [&str; 0] = [];
const ROOM: usize = 380;

/// Those of every surface: over HTTP there are more.
fn contracts() -> Vec<Contract> {
    tools::remote().contracts().cloned().collect()
}

#[test]
fn contracts_are_published() {
    let registry = tools::registry();
    let contracts = contracts();
    for contract in &contracts {
        published(&format!("{}.json", contract.name), &pretty(&json!(contract)));
    }
    published("openai.json", &pretty(&openai::array(&registry)));
    published("README.md", &table(&contracts));
}

#[test]
fn no_contract_is_published_without_its_tool() {
    let mut expected: BTreeSet<String> = contracts().iter().map(|contract| format!("{}.json", contract.name)).collect();
    expected.extend(["openai.json".to_owned(), "README.md".to_owned(), "prompts".to_owned()]);
    let found: BTreeSet<String> = fs::read_dir(Path::new(ROOT).join("tools"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn what_a_model_reads_of_all_tools_is_short() {
    let contracts = contracts();
    let read: Vec<Value> =
        contracts.iter().map(|it| json!({"name": it.name, "description": it.about, "inputSchema": it.args})).collect();
    let share = BYTES - ROOM * TO_COME.iter().filter(|name| contracts.iter().all(|it| it.name != **name)).count();
    let n_bytes = json!(read).to_string().len();
    assert!(n_bytes <= share, "{n_bytes} bytes of {share} for {} tools", contracts.len());
}

#[test]
fn names_and_words_keep_to_their_form() {
    for contract in contracts() {
        let Contract { name, title, about, .. } = contract;
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        assert!(!title.is_empty() && title.len() <= 40, "{name}");
        assert!(about.chars().count() <= 500, "{name}: {} characters", about.chars().count());
        assert!(about.ends_with('.') && !about.contains("  "), "{name}: {about}");
    }
}

#[test]
fn input_schemas_are_portable_and_every_argument_is_described() {
    let mut wrong = Vec::new();
    for contract in contracts() {
        let args = &contract.args;
        if args["type"] != "object" || args["additionalProperties"] != json!(false) || !args["properties"].is_object() {
            wrong.push(format!("{}: not a closed object", contract.name));
        }
        for (name, schema) in args["properties"].as_object().into_iter().flatten() {
            let described = schema["description"].as_str().is_some_and(|text| text.len() >= 8);
            if !described || !schema["type"].is_string() {
                wrong.push(format!("{}.{name}: {schema}", contract.name));
            }
            let required = args["required"].as_array().is_some_and(|names| names.contains(&json!(name)));
            if !required
                && schema.get("default").is_none()
                && !schema["description"].as_str().unwrap_or_default().contains("absent")
            {
                wrong.push(format!("{}.{name}: neither required nor with a default", contract.name));
            }
            if schema.get("default").is_some_and(Value::is_null) {
                wrong.push(format!("{}.{name}: its default is not of its type", contract.name));
            }
        }
        for path in unportable(args) {
            wrong.push(format!("{}{path}", contract.name));
        }
        for path in unportable(&contract.reply) {
            wrong.push(format!("{} reply{path}", contract.name));
        }
        if contract.reply["type"] != "object" {
            wrong.push(format!("{}: its reply is not an object", contract.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where a schema has what some hosts refuse.
fn unportable(schema: &Value) -> Vec<String> {
    let below =
        |key: &str, value: &Value| unportable(value).into_iter().map(|it| format!(".{key}{it}")).collect::<Vec<_>>();
    match schema {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| {
                let refused = ["$ref", "anyOf", "oneOf", "allOf", "not", "$defs", "nullable"].contains(&key.as_str())
                    || (key == "type" && value.is_array());
                if refused { vec![format!(".{key}")] } else { below(key, value) }
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(|item| below("", item)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// The table of tools.
fn table(contracts: &[Contract]) -> String {
    let mut text = "# The tools\n\n\
        Generated, as is every file here but those in `prompts/`: `UPDATE_CONTRACTS=1 cargo test --release contracts`.\n\
        `<name>.json` is a tool's contract (words, effect, schemas of its arguments and reply); `openai.json` is all of\n\
        them as an OpenAI `tools` array; `prompts/` holds the prose that models are sent.\n\n\
        | tool | effect | arguments | about |\n|---|---|---|---|\n"
        .to_owned();
    for contract in contracts {
        let required = contract.args["required"].as_array().cloned().unwrap_or_default();
        let names: Vec<String> = contract.args["properties"]
            .as_object()
            .unwrap()
            .keys()
            .map(|name| if required.contains(&json!(name)) { format!("**`{name}`**") } else { format!("`{name}`") })
            .collect();
        let effect = serde_json::to_value(contract.effect).unwrap();
        text.push_str(&format!(
            "| [`{name}`]({name}.json) | {} | {} | {} |\n",
            effect.as_str().unwrap(),
            names.join(", "),
            contract.about.replace('|', "\\|"),
            name = contract.name,
        ));
    }
    text.push_str("\nRequired arguments are bold.\n");
    text
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

/// Compares a file of `tools/`, or rewrites it.
#[track_caller]
fn published(name: &str, now: &str) {
    let path = Path::new(ROOT).join("tools").join(name);
    if is_update() {
        fs::write(&path, now).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == now,
        "tools/{name} is stale: run `UPDATE_CONTRACTS=1 cargo test --release contracts`, and read the diff"
    );
}

fn is_update() -> bool {
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests, not configuration")]
    env::var_os("UPDATE_CONTRACTS").is_some()
}
