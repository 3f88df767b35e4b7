//! Collects what the model is told of the sheets before its first turn.

use std::collections::BTreeSet;

use super::cards::{Card, Told};
use crate::{
    catalog::{Note, Sheet, StoredAnswer},
    context::Context,
    fault::Fault,
    stats::hints::{is_filler, phrases},
    workspace::Workspace,
};

/// Sheets that have a card; of the others the model is told name and columns.
const MAX_CARDS: usize = 10;
/// Sheets whose columns are compared for joins.
const MAX_JOINED: usize = 5;
/// Sample rows of a sheet, and the bytes that they may have.
const N_ROWS: u64 = 3;
const ROWS_BYTES: usize = 3_000;
const MAX_EXAMPLES: usize = 3;
/// Verified answers that are looked through for examples.
const MAX_LOOKED_THROUGH: u32 = 200;
/// Words of a value.
const MAX_WORDS: usize = 4;

/// The workspace as it is when the question comes.
pub(super) struct Known {
    /// By name.
    pub(super) sheets: Vec<Sheet>,
    pub(super) notes: Vec<Note>,
    pub(super) verified: Vec<StoredAnswer>,
}

impl Known {
    /// Reads changed files again first.
    pub(super) async fn of(workspace: &Workspace, context: &Context<'_>) -> Result<Known, Fault> {
        let sheets = workspace.list("", "", u64::MAX, context).await?.sheets;
        let notes = workspace.notes().await?;
        let verified = workspace.answers(true, MAX_LOOKED_THROUGH).await?;
        Ok(Known { sheets, notes, verified })
    }
}

/// Everything worth telling about the sheets for this question. What can't be found out is left out: the model has tools.
pub(super) async fn gather(
    workspace: &Workspace,
    known: &Known,
    question: &str,
    context: &Context<'_>,
) -> Result<Told, Fault> {
    let asked = words(question);
    let mut ranked: Vec<(usize, &Sheet)> =
        known.sheets.iter().map(|sheet| (likeness(&asked, sheet, &known.notes), sheet)).collect();
    // The sort is stable: sheets that are as like keep the order of their names.
    ranked.sort_by_key(|(likeness, _)| std::cmp::Reverse(*likeness));
    let mut told = Told::default();
    let mut profiled = Vec::new();
    for (rank, (_, sheet)) in ranked.into_iter().enumerate() {
        if rank >= MAX_CARDS {
            told.others.push(sheet.clone());
            continue;
        }
        let it = workspace.profiled(sheet.clone(), context).await?;
        let rows = match workspace.preview(sheet.name.as_str(), &[], 0, N_ROWS, ROWS_BYTES, context).await {
            Ok(part) => part.page.rows.iter().filter_map(|row| serde_json::from_str(row.get()).ok()).collect(),
            Err(_) => Vec::new(),
        };
        let notes = known.notes.iter().filter(|note| note.sheet == sheet.name).cloned().collect();
        told.cards.push(Card { rank, profiled: it.clone(), rows, notes });
        profiled.push(it);
    }
    told.others.sort_by(|a, b| a.name.cmp(&b.name));
    told.cards.sort_by(|a, b| a.profiled.sheet.name.cmp(&b.profiled.sheet.name));
    for (idx, a) in profiled.iter().take(MAX_JOINED).enumerate() {
        for b in profiled.iter().take(MAX_JOINED).skip(idx + 1) {
            let found = workspace.joins(a, b, context).await?;
            // A join that repeats rows of both sides misleads, unless there is no other.
            let has_key = found.iter().any(|it| !it.keys.is_empty());
            told.joins.extend(found.into_iter().filter(|it| !has_key || !it.keys.is_empty()).take(3));
        }
    }
    told.joins.sort_by(|a, b| (&a.left, &a.right).cmp(&(&b.left, &b.right)));
    told.hints = workspace.hints(phrases(question, MAX_WORDS), &profiled, context).await?;
    told.examples = examples(&known.verified, question).into_iter().cloned().collect();
    Ok(told)
}

/// Verified answers to questions like this one, the likest first: those that share two words that say something with it,
/// or half of them.
pub(super) fn examples<'a>(verified: &'a [StoredAnswer], question: &str) -> Vec<&'a StoredAnswer> {
    let (asked, all) = (informative(question), words(question));
    let mut ranked: Vec<(usize, &StoredAnswer)> = verified
        .iter()
        .filter_map(|it| {
            let own = informative(&it.question);
            let n_shared = own.intersection(&asked).count();
            // Where none of its words says much, all of them must be there.
            if own.is_empty() {
                return words(&it.question).is_subset(&all).then_some((0, it));
            }
            let is_like = n_shared >= 2 || n_shared > 0 && n_shared * 2 >= own.len().min(asked.len());
            is_like.then_some((n_shared, it))
        })
        .collect();
    ranked.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
    ranked.into_iter().take(MAX_EXAMPLES).map(|(_, it)| it).collect()
}

/// The words of a question but those that any question may have.
fn informative(question: &str) -> BTreeSet<String> {
    let kept = question.split(|c: char| !c.is_alphanumeric()).filter(|word| !is_filler(&word.to_lowercase()));
    kept.flat_map(words).collect()
}

/// How many of the question's words are in a sheet's names and notes.
fn likeness(asked: &BTreeSet<String>, sheet: &Sheet, notes: &[Note]) -> usize {
    let columns = sheet.version.columns.iter().map(|column| column.name.as_str());
    let notes = notes
        .iter()
        .filter(|note| note.sheet == sheet.name)
        .flat_map(|note| note.synonyms.iter().map(String::as_str).chain([note.meaning.as_str(), note.column.as_str()]));
    let own: BTreeSet<String> =
        columns.chain([sheet.name.as_str(), sheet.title.as_str()]).chain(notes).flat_map(words).collect();
    asked.iter().filter(|word| own.contains(*word)).count()
}

/// The words of a text, folded, without a plural's ending.
fn words(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    words
        .filter(|word| word.chars().count() > 2)
        .map(|word| word.strip_suffix('s').map(str::to_owned).unwrap_or(word))
        .collect()
}
