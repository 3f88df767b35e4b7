//! What the model is told of the sheets, as JSON, within a budget.

use serde_json::{Map, Value, json};

use super::clean;
use crate::{
    catalog::{Note, Sheet, StoredAnswer},
    llm::tokens::Counter,
    name::SheetName,
    stats::{hints::Hint, joins::Overlap},
    workspace::Profiled,
};

/// Everything there is to tell.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// By name.
    pub(super) cards: Vec<Card>,
    /// Sheets of which only names are told.
    pub(super) others: Vec<Sheet>,
    pub(super) joins: Vec<Overlap>,
    pub(super) hints: Vec<Hint>,
    /// Answers that users have marked as right.
    pub(super) examples: Vec<StoredAnswer>,
}

/// One sheet.
#[derive(Debug)]
pub(super) struct Card {
    /// 0 is most like the question.
    pub(super) rank: usize,
    pub(super) profiled: Profiled,
    /// The first few, as arrays.
    pub(super) rows: Vec<Value>,
    pub(super) notes: Vec<Note>,
}

/// How much of a sheet is told, most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Detail {
    Most,
    Rows,
    Values,
    Ranges,
    Names,
}

/// Characters of a text that comes from a sheet.
const MAX_CHARS: usize = 160;
/// Characters of an example's SQL: it is told whole, or the example is not told.
const MAX_SQL: usize = 4_000;
/// Different values that are told of a column; of a text column more, where there is room.
const FEW: usize = 20;
/// Notes of a file, of each kind.
const MAX_NOTES: usize = 8;
/// Columns of a sheet that is told by its names only.
const MAX_NAMES: usize = 60;
/// Sheets without a card that are named.
const MAX_OTHERS: usize = 200;

impl Told {
    /// The JSON with all the detail that fits into `budget` tokens: long lists of values go first, then sample rows of all sheets; then, sheet by
    /// sheet from the one least like the question, values, ranges, all but names; then what is not about one sheet.
    pub(super) fn within(&self, budget: u64, counter: &Counter) -> String {
        let mut detail = vec![Detail::Most; self.cards.len()];
        let mut by_rank: Vec<usize> = (0..self.cards.len()).collect();
        by_rank.sort_by_key(|idx| std::cmp::Reverse(self.cards.get(*idx).map(|card| card.rank)));
        let lists = by_rank.iter().map(|idx| (*idx, Detail::Rows));
        let rows = by_rank.iter().map(|idx| (*idx, Detail::Values));
        let rest = by_rank.iter().flat_map(|idx| [Detail::Ranges, Detail::Names].map(|detail| (*idx, detail)));
        let mut text = self.json(&detail, true);
        let Some(max_bytes) = counter.max_bytes(&text, budget) else { return text };
        for (idx, less) in lists.chain(rows).chain(rest) {
            if text.len() <= max_bytes {
                return text;
            }
            if let Some(detail) = detail.get_mut(idx) {
                *detail = less;
            }
            text = self.json(&detail, true);
        }
        if text.len() > max_bytes {
            text = self.json(&detail, false);
        }
        counter.cut(&text, budget).unwrap_or(text)
    }

    fn json(&self, detail: &[Detail], extras: bool) -> String {
        let cards: Vec<Value> = self.cards.iter().zip(detail).map(|(card, detail)| card.json(*detail)).collect();
        let mut told = json!({"sheets": cards});
        let mut put = |key: &str, value: Value| {
            if let (Some(told), false) = (told.as_object_mut(), value.as_array().is_some_and(Vec::is_empty)) {
                told.insert(key.to_owned(), value);
            }
        };
        if extras {
            let others = self.others.iter().take(MAX_OTHERS);
            let columns =
                |sheet: &Sheet| sheet.version.columns.iter().take(12).map(|it| it.name.clone()).collect::<Vec<_>>();
            put(
                "other_sheets",
                others
                    .map(|it| json!({"sheet": it.name, "n_rows": it.version.n_rows, "columns": columns(it)}))
                    .collect(),
            );
            put("columns_that_join", self.joins.iter().map(join).collect());
            put("values_like_words_of_the_question", self.hints.iter().map(hint).collect());
        }
        clean::value(&mut told, MAX_CHARS);
        let examples: Vec<Value> = self.examples.iter().filter(|_| extras).filter_map(example).collect();
        if let (Some(told), false) = (told.as_object_mut(), examples.is_empty()) {
            told.insert("verified_examples".to_owned(), Value::from(examples));
        }
        told.to_string()
    }
}

impl Card {
    fn json(&self, detail: Detail) -> Value {
        let sheet = &self.profiled.sheet;
        let mut card = Map::new();
        card.insert("sheet".to_owned(), json!(sheet.name));
        card.insert("title".to_owned(), json!(sheet.title));
        card.insert("n_rows".to_owned(), json!(sheet.version.n_rows));
        if let Some(note) = self.notes.iter().find(|note| note.column.is_empty()) {
            put_note(&mut card, note);
        }
        if detail == Detail::Names {
            let names = sheet
                .version
                .columns
                .iter()
                .take(MAX_NAMES)
                .map(|column| format!("{} {}", column.name, column.type_name));
            card.insert("columns".to_owned(), names.collect());
            return Value::Object(card);
        }
        let columns = (0..sheet.version.columns.len()).map(|col_idx| self.column(col_idx, detail));
        card.insert("columns".to_owned(), columns.collect());
        // Units, formats of dates, totals left out: what the import met.
        let issues = sheet.version.issues.iter().map(|issue| issue.message.as_str());
        let layout = sheet.version.layout.as_ref();
        let decisions = layout.into_iter().flat_map(|it| &it.decisions);
        let decided = decisions.filter(|it| SHAPING.contains(&it.about.as_str())).map(|it| it.decided.as_str());
        let read: Vec<&str> = issues.take(MAX_NOTES).chain(decided.take(MAX_NOTES)).collect();
        if !read.is_empty() {
            card.insert("import_notes".to_owned(), json!(read));
        }
        let around: Vec<&String> = layout.into_iter().flat_map(|it| &it.notes).take(MAX_NOTES).collect();
        if !around.is_empty() {
            card.insert("texts_around_the_table".to_owned(), json!(around));
        }
        if detail <= Detail::Rows && !self.rows.is_empty() {
            card.insert("first_rows".to_owned(), Value::from(self.rows.clone()));
        }
        Value::Object(card)
    }

    fn column(&self, col_idx: usize, detail: Detail) -> Value {
        let sheet = &self.profiled.sheet;
        let (Some(column), Some(profile)) = (sheet.version.columns.get(col_idx), self.profiled.profiles.get(col_idx))
        else {
            return Value::Null;
        };
        let mut told = Map::new();
        told.insert("name".to_owned(), json!(column.name));
        told.insert("type".to_owned(), json!(column.type_name));
        if profile.n_null > 0 {
            let percent = u128::from(profile.n_null) * 1_000 / u128::from(sheet.version.n_rows.max(1));
            told.insert("null_share".to_owned(), json!(format!("{}.{}%", percent / 10, percent % 10)));
        }
        if let Some(n_distinct) = profile.n_distinct {
            told.insert("n_distinct".to_owned(), json!(n_distinct));
        }
        let may_list = if detail == Detail::Most && column.type_name == "VARCHAR" { usize::MAX } else { FEW };
        let lists_all = profile.is_complete && detail <= Detail::Values && profile.values.len() <= may_list;
        if !lists_all && !profile.min.is_null() {
            told.insert("min".to_owned(), profile.min.clone());
            told.insert("max".to_owned(), profile.max.clone());
        }
        if lists_all && !profile.values.is_empty() {
            told.insert("all_values".to_owned(), json!(profile.values));
        } else if detail <= Detail::Values {
            // What the sample rows show needs no telling again; of texts others may be written otherwise.
            let cells: Vec<&Value> =
                self.rows.iter().filter(|_| detail <= Detail::Rows).filter_map(|row| row.get(col_idx)).collect();
            let is_known = column.type_name != "VARCHAR" && cells.iter().any(|cell| !cell.is_null());
            let more: Vec<&Value> =
                profile.values.iter().filter(|value| !is_known && !cells.contains(value)).take(3).collect();
            if !more.is_empty() {
                told.insert("examples".to_owned(), json!(more));
            }
        }
        let layout = sheet.version.layout.as_ref();
        let of_file = layout.into_iter().flat_map(|it| &it.column_notes).filter(|it| it.column == column.name);
        let of_file: Vec<&str> = of_file.map(|it| it.note.as_str()).collect();
        if !of_file.is_empty() {
            told.insert("note".to_owned(), json!(of_file.join("; ")));
        }
        let is_date = column.type_name == "DATE" || column.type_name.starts_with("TIMESTAMP");
        let typed = format!("{}: {}", column.name, column.type_name);
        let read_as =
            layout.into_iter().flat_map(|it| &it.decisions).find(|it| it.about == "type" && it.decided == typed);
        if let Some(why) =
            read_as.filter(|it| is_date && (it.because.contains(';') || it.because.contains(" first day")))
        {
            told.insert("read_as".to_owned(), json!(why.because));
        }
        if let Some(note) = self.notes.iter().find(|note| note.column == column.name) {
            put_note(&mut told, note);
        }
        Value::Object(told)
    }
}

/// What of an import's decisions changes which rows there are.
const SHAPING: &[&str] = &["totals", "groups", "fill", "shape"];

/// None where its SQL is too long to be told whole.
fn example(it: &StoredAnswer) -> Option<Value> {
    if it.sql.chars().count() > MAX_SQL {
        return None;
    }
    let mut words = json!({"question": it.question, "answer": it.answer});
    clean::value(&mut words, MAX_CHARS);
    let mut sql = json!(it.sql);
    clean::value(&mut sql, MAX_SQL);
    words.as_object_mut()?.insert("sql".to_owned(), sql);
    Some(words)
}

fn put_note(told: &mut Map<String, Value>, note: &Note) {
    for (key, text) in [("meaning", &note.meaning), ("unit", &note.unit)] {
        if !text.is_empty() {
            told.insert(key.to_owned(), json!(text));
        }
    }
    if !note.synonyms.is_empty() {
        told.insert("synonyms".to_owned(), json!(note.synonyms));
    }
}

fn join(it: &Overlap) -> Value {
    let keys: Vec<&str> = it.keys.iter().map(SheetName::as_str).collect();
    json!({
        "on": format!("{} = {}", it.left, it.right),
        "shared_values": format!("{} of {}", it.n_shared, it.n_values),
        "unique_in": keys,
    })
}

fn hint(it: &Hint) -> Value {
    json!({"words": it.words, "sheet": it.sheet, "column": it.column, "value": it.value, "exact": it.n_edits == 0})
}
