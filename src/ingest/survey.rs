//! What the rows of a table show of its structure and its columns, and the plan that comes of it.

use std::collections::{HashMap, HashSet};

use super::{
    Options, ReadError, Totals,
    build::{GROUP, Plan, PlannedColumn},
    cell::{Batch, Row, Source},
    columns::Doubt,
    declared::{self, Declared},
    evidence::Evidence,
    fixes::{SheetFix, canonical},
    header,
    identifier::names_a_date,
    layout::{self, Fixed, Listed, Structure},
    look::Format,
    moment::Order,
    quantity::Notation,
    reading::Reading,
    shown::Counted,
    verdict::{Ground, Setting, Style, Verdict},
};

/// Rows at the end of a long table that are looked at before they are taken: notes stand there, and totals.
pub(super) const HELD_ROWS: usize = 256;

/// All that is known of a table so far.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) fixed: Fixed,
    /// The workbook's number formats, and those of the first rows' cells.
    formats: Vec<Format>,
    counted: Counted,
    types: HashMap<String, Reading>,
    day_first: Option<bool>,
    pub(super) may_split: bool,
    pub(super) listed: Vec<Listed>,
    /// Columns that keep their text beside them.
    raw_columns: Vec<String>,
    is_text_file: bool,
    /// Whether a comma may stand in a cell of a text file.
    leaves_commas: bool,
    pub(super) declared: Option<Declared>,
    pub(super) structure: Option<Structure>,
    /// The heading row's names, as far as they reach.
    header: Batch,
    pub(super) columns: Vec<Evidence>,
    /// Cells of a row, as most rows have them, where no header says it.
    usual_width: u32,
    /// The last row that the evidence had when the first plan was made.
    pub(super) last_known: u64,
}

impl Survey {
    pub(super) fn new(options: &Options, fix: &SheetFix, source: &dyn Source) -> Survey {
        let header_row = options.header_row.map(|number| if number == 0 { Vec::new() } else { vec![number] });
        let types = fix
            .types
            .iter()
            .filter_map(|(name, text)| Some((name.to_lowercase(), declared::reading(&canonical(text))?)));
        Survey {
            fixed: Fixed {
                header_rows: fix.header_rows.clone().or(header_row),
                keeps_totals: fix.totals.unwrap_or(options.totals) == Totals::Keep,
                is_listed: false,
                totals_row: None,
                markup: source.markup().cloned(),
            },
            formats: source.formats().to_vec(),
            counted: Counted::default(),
            types: types.collect(),
            day_first: fix.day_first,
            may_split: false,
            listed: source.listed().to_vec(),
            raw_columns: options.raw_columns.clone(),
            is_text_file: source.is_text(),
            leaves_commas: source.leaves_commas(),
            declared: None,
            structure: None,
            header: Batch::default(),
            columns: Vec::new(),
            usual_width: 0,
            last_known: 0,
        }
    }

    /// Decides the structure from the first rows, and takes their evidence.
    pub(super) fn open(&mut self, sample: &[Batch], is_whole: bool) -> Result<(), ReadError> {
        let rows: Vec<Row<'_>> = sample.iter().flat_map(Batch::rows).collect();
        let starts_at_1 = rows.first().is_some_and(|row| row.number == 1 && !row.is_blank());
        let mut fixed = self.fixed.clone();
        if self.declared.is_some() && starts_at_1 {
            fixed.header_rows = Some(vec![1]);
        }
        let (structure, header) = layout::structure(&rows, &fixed, is_whole, self.is_text_file)?;
        self.header = header;
        // Of a long table, the last rows are looked at when it is known what follows.
        let n_certain = if is_whole { sample.len() } else { n_certain(sample) };
        let rows = || sample.iter().take(n_certain).flat_map(Batch::rows);
        let data = || rows().filter(|row| !row.is_blank() && structure.is_data(*row));
        let mut widths: Vec<u32> = data().map(|row| row.width()).collect();
        widths.sort_unstable();
        self.usual_width = widths
            .chunk_by(|one, other| one == other)
            .max_by_key(|same| same.len())
            .and_then(|same| same.first().copied())
            .unwrap_or(0);
        data().for_each(|row| header::add_row(&mut self.columns, row));
        if !self.formats.is_empty() {
            data().for_each(|row| self.counted.add(row));
        }
        self.last_known = if is_whole { u64::MAX } else { rows().last().map_or(0, |row| row.number) };
        self.structure = Some(structure);
        Ok(())
    }

    pub(super) fn add(&mut self, row: Row<'_>) {
        if self.structure.as_ref().is_some_and(|structure| structure.is_data(row)) {
            header::add_row(&mut self.columns, row);
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.declared.is_none() && self.columns.iter().any(Evidence::is_open)
    }

    pub(super) fn plan(&self) -> Plan {
        let heading = self.header.rows().next();
        let n_headed = heading
            .into_iter()
            .filter_map(|row| row.cells().filter(|(_, cell)| !cell.is_blank()).map(|(col_idx, _)| col_idx + 1).last())
            .max()
            .unwrap_or(0);
        let n_columns = self.columns.len().max(usize::try_from(n_headed).unwrap_or(0));
        let mut columns = Vec::new();
        let mut left_out = Vec::new();
        let headed: HashSet<u32> = heading
            .iter()
            .flat_map(Row::cells)
            .filter(|(_, cell)| !cell.is_blank())
            .map(|(col_idx, _)| col_idx)
            .collect();
        let blank = Evidence::default();
        let names = header::names(heading, n_columns);
        let setting = self.setting();
        for ((col_idx, name), idx) in (0..).zip(names.clone()).zip(0..) {
            let evidence = self.columns.get(idx).unwrap_or(&blank);
            if !evidence.is_filled && !headed.contains(&col_idx) {
                left_out.push(col_idx);
                continue;
            }
            let declared = self.declared.as_ref().and_then(|declared| declared.get(&name));
            let found = declared.map_or_else(|| evidence.verdict(&name, setting), Verdict::declared);
            let verdict = self.asked(&name, found, evidence);
            let is_said = matches!(verdict.ground, Ground::Declared | Ground::Asked);
            let doubt = if is_said { None } else { self.doubt(&name, evidence, &verdict) };
            let raw = self.raw_name(&name, &names);
            columns.push(PlannedColumn {
                col_idx,
                name,
                verdict,
                setting,
                is_declared: declared.is_some(),
                doubt,
                format: self.counted.shown(col_idx, &self.formats),
                raw,
            });
        }
        if self.structure.as_ref().is_some_and(|structure| structure.groups.is_some()) {
            let is_taken = |name: &str| columns.iter().any(|column| column.name.to_lowercase() == name);
            let name = ["group", "row_group", "group_of_rows"].into_iter().find(|name| !is_taken(name));
            columns.push(PlannedColumn {
                col_idx: GROUP,
                name: name.unwrap_or("group_of_the_rows").to_owned(),
                verdict: Verdict {
                    reading: Reading::Text,
                    style: Style::default(),
                    ground: Ground::Words,
                    n_misfits: 0,
                    has_short_years: false,
                    has_pairs: false,
                    is_scaled: false,
                },
                setting,
                is_declared: false,
                doubt: None,
                format: None,
                raw: None,
            });
        }
        let usual_width = if heading.is_some() { n_headed } else { self.usual_width };
        Plan {
            structure: self.structure.clone().unwrap_or_default(),
            columns,
            left_out,
            usual_width: if self.is_text_file { usual_width } else { 0 },
        }
    }

    /// What was found, but for what a caller says of the column's type or of its dates.
    fn asked(&self, name: &str, mut found: Verdict, evidence: &Evidence) -> Verdict {
        let wanted = self.types.get(&name.to_lowercase()).map(|wanted| {
            // The order that the column shows, where none was said.
            if wanted.date_order() == Some(Order::Unasked) { wanted.in_order(evidence.order()) } else { *wanted }
        });
        let reading = wanted.unwrap_or(found.reading);
        if wanted.is_none() && !(reading.date_order().is_some() && self.day_first.is_some()) {
            return found;
        }
        let reading = match self.day_first {
            None => reading,
            Some(true) => reading.in_order(Order::DayFirst),
            Some(false) => reading.in_order(Order::MonthFirst),
        };
        if reading == Reading::Integer && evidence.leaves_points_open() {
            // Whole numbers have no decimals: the points group digits.
            found.style.notation = Notation::Comma;
        }
        Verdict { reading, ground: Ground::Asked, ..found }
    }

    /// What the columns say of each other: a table has one decimal sign.
    fn setting(&self) -> Setting {
        let leanings = || self.columns.iter().map(Evidence::leaning);
        let has_commas = leanings().any(|it| it > 0) && !leanings().any(|it| it < 0);
        Setting { is_text_file: self.is_text_file, has_commas: self.is_text_file && has_commas }
    }

    /// What the column that keeps another's text is called, where it was asked for.
    fn raw_name(&self, name: &str, names: &[String]) -> Option<String> {
        self.raw_columns.iter().find(|raw| raw.eq_ignore_ascii_case(name))?;
        let mut raw = format!("{name}__raw");
        while names.iter().any(|name| name.eq_ignore_ascii_case(&raw)) {
            raw.push('_');
        }
        Some(raw)
    }

    fn doubt(&self, name: &str, evidence: &Evidence, verdict: &Verdict) -> Option<Doubt> {
        match verdict.reading {
            Reading::Date(_) if verdict.style.is_compact => (!names_a_date(name)).then_some(Doubt::Compact),
            Reading::Date(_) | Reading::Timestamp(_) | Reading::TimestampTz(_) => {
                evidence.is_ambiguous().then_some(Doubt::Order)
            }
            Reading::Integer | Reading::Decimal { .. } | Reading::Double => self.doubt_of_numbers(evidence, verdict),
            Reading::Nothing
            | Reading::Boolean
            | Reading::Time
            | Reading::Interval
            | Reading::Text
            | Reading::TextAsTyped => None,
        }
    }

    fn doubt_of_numbers(&self, evidence: &Evidence, verdict: &Verdict) -> Option<Doubt> {
        if verdict.reading == Reading::Double && evidence.has_many_digits() {
            return Some(Doubt::Rounded);
        }
        if verdict.style.unit.ends_with('%') {
            return Some(if evidence.n_as_text < evidence.n_values() { Doubt::Percent } else { Doubt::Bare });
        }
        if !self.leaves_commas || verdict.style.notation == Notation::Comma {
            return None;
        }
        let is_pointed = self.columns.iter().any(|it| it.leaning() < 0);
        Some(if evidence.leaves_points_open() && !is_pointed { Doubt::Point } else { Doubt::Comma })
    }
}

/// Of the first batches of a long table, those that can't be its last rows.
pub(super) fn n_certain(sample: &[Batch]) -> usize {
    let mut n_behind = 0;
    for (idx, batch) in sample.iter().enumerate().rev() {
        n_behind += batch.n_rows();
        if n_behind >= HELD_ROWS {
            return if idx == 0 { sample.len() } else { idx };
        }
    }
    sample.len()
}
