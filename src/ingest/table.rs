//! From one table's rows to typed columns and a receipt: in one pass over the file where one will do.
//!
//! The first rows decide the plan. Rows are then built strictly by it, and the first cell that does not fit ends
//! building: from there on only evidence is collected, and a second pass builds by the plan of all the evidence.
//! That evidence is as good as complete, because every row between fitted the first plan. Where the second plan fails
//! all the same, a third pass takes the evidence of all rows, and a fourth builds by it.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    mem,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::mpsc::sync_channel,
    thread,
};

use super::{
    Limits, Options, ReadError, Table, Totals, account,
    build::{Build, GROUP, Plan, PlannedColumn},
    cell::{Batch, Row, Source},
    columns::Doubt,
    declared::{self, Declared},
    evidence::{Evidence, Reading},
    fixes::{SheetFix, canonical},
    header,
    layout::{self, Fixed, Listed, Structure},
    moment::Order,
    receipt::SheetReceipt,
};
use crate::value::Column;

/// Rows that decide the first plan.
const SAMPLE_ROWS: usize = 20_000;

/// Batches under way from the reading thread.
const N_WAITING: usize = 4;

/// Rows at the end of a long table that are looked at before they are taken: notes stand there, and totals.
const HELD_ROWS: usize = 256;

/// More passes are needed only if the file changes under us.
const MAX_PASSES: usize = 4;

/// What one import may still use up, over all the file's tables.
pub(super) struct Budget<'a> {
    pub(super) limits: &'a Limits,
    pub(super) n_cells: u64,
}

/// What became of a table.
pub(super) enum Read {
    Sheet(SheetReceipt),
    /// It has no cell.
    Empty,
    /// It is several, and none was read: where they lie.
    Several(Vec<Listed>),
}

/// Reads a table whole and writes it to `out`, if there is one. `may_split`: it may prove to be several.
pub(super) fn read(
    table: &Table,
    options: &Options,
    out: Option<PathBuf>,
    budget: &mut Budget<'_>,
    progress: &mut dyn FnMut(f64),
) -> Result<Read, ReadError> {
    let mut fix = options.fixes.of(&table.title).cloned().unwrap_or_default();
    if let Some(header_row) = table.header_row.filter(|_| options.header_row.is_none()) {
        fix.header_rows.get_or_insert(vec![header_row]);
    }
    let fresh = || Survey::new(options, &fix, table.source.as_ref());
    let declared =
        table.source.declared().filter(|_| options.header_row.is_none() && fix == SheetFix::default()).cloned();
    let mut behind = 0.0;
    let may_split =
        table.worksheet.is_none() && !table.is_bounded && declared.is_none() && options.header_row.is_none();
    let mut survey = Survey { declared, may_split, ..fresh() };
    let mut is_counted = table.worksheet.is_some();
    let mut n_pass = 0;
    while n_pass < MAX_PASSES {
        let mut pass = Pass::new(survey, out.as_deref(), n_pass)?;
        feed(table, &mut |batch| {
            if !is_counted {
                budget.spend(&batch)?;
            }
            pass.add(batch)?;
            let share = table.source.progress();
            if share > behind {
                behind = share;
                progress(share);
            }
            Ok(())
        })?;
        match pass.finish()? {
            Finished::Built(receipt) => {
                return Ok(receipt.map_or(Read::Empty, |mut receipt| {
                    receipt.notes.extend(table.notes.iter().cloned());
                    let (title, worksheet) = (table.title.clone(), table.worksheet.clone());
                    Read::Sheet(SheetReceipt { title, worksheet, hidden: table.hidden, file: out, ..receipt })
                }));
            }
            Finished::Several(regions) => return Ok(Read::Several(regions)),
            // Rows that suited what the file said are not in the evidence: it is gathered from the start.
            Finished::Again(evidence) if evidence.declared.is_some() => survey = fresh(),
            Finished::Again(evidence) => {
                survey = evidence;
                n_pass += 1;
            }
        }
        is_counted = true;
    }
    Err(ReadError::Damaged("it changed while it was being read".to_owned()))
}

/// Reads on a thread of its own and hands every batch to `take`.
pub(super) fn feed(table: &Table, take: &mut dyn FnMut(Batch) -> Result<(), ReadError>) -> Result<(), ReadError> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(N_WAITING);
        let reader = thread::Builder::new().name("reader".to_owned()).spawn_scoped(scope, move || {
            table.source.read(&mut |batch| match sender.send(batch) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            })
        })?;
        let taken = receiver.iter().try_for_each(take);
        drop(receiver);
        let read = reader.join().unwrap_or_else(|_| Err(ReadError::Damaged("its reader failed".to_owned())));
        taken.and(read)
    })
}

impl Budget<'_> {
    fn spend(&mut self, batch: &Batch) -> Result<(), ReadError> {
        self.n_cells = self.n_cells.saturating_add(u64::try_from(batch.n_filled()).unwrap_or(u64::MAX));
        if self.n_cells > self.limits.cells {
            return Err(ReadError::Limit { what: "cells of a file", found: self.n_cells, limit: self.limits.cells });
        }
        let width = batch.rows().map(|row| row.width()).max().unwrap_or(0);
        if width > self.limits.columns {
            return Err(ReadError::Limit {
                what: "columns of a sheet",
                found: width.into(),
                limit: self.limits.columns.into(),
            });
        }
        Ok(())
    }
}

/// All that is known of a table so far.
#[derive(Debug)]
struct Survey {
    fixed: Fixed,
    types: HashMap<String, Reading>,
    day_first: Option<bool>,
    may_split: bool,
    listed: Vec<Listed>,
    is_text_file: bool,
    /// Whether a comma may stand in a cell of a text file.
    leaves_commas: bool,
    declared: Option<Declared>,
    structure: Option<Structure>,
    /// The heading row's names, as far as they reach.
    header: Batch,
    columns: Vec<Evidence>,
    /// Cells of a row, as most rows have them, where no header says it.
    usual_width: u32,
}

impl Survey {
    fn new(options: &Options, fix: &SheetFix, source: &dyn Source) -> Survey {
        let header_row = options.header_row.map(|number| if number == 0 { Vec::new() } else { vec![number] });
        let types = fix
            .types
            .iter()
            .filter_map(|(name, text)| Some((name.to_lowercase(), declared::reading(&canonical(text))?)));
        Survey {
            fixed: Fixed {
                header_rows: fix.header_rows.clone().or(header_row),
                keeps_totals: fix.totals.unwrap_or(options.totals) == Totals::Keep,
            },
            types: types.collect(),
            day_first: fix.day_first,
            may_split: false,
            listed: source.listed().to_vec(),
            is_text_file: source.is_text(),
            leaves_commas: source.leaves_commas(),
            declared: None,
            structure: None,
            header: Batch::default(),
            columns: Vec::new(),
            usual_width: 0,
        }
    }

    /// Decides the structure from the first rows, and takes their evidence.
    fn open(&mut self, sample: &[Batch], is_whole: bool) -> Result<(), ReadError> {
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
        self.structure = Some(structure);
        Ok(())
    }

    fn add(&mut self, row: Row<'_>) {
        if self.structure.as_ref().is_some_and(|structure| structure.is_data(row)) {
            header::add_row(&mut self.columns, row);
        }
    }

    fn is_open(&self) -> bool {
        self.declared.is_none() && self.columns.iter().any(Evidence::is_open)
    }

    fn plan(&self) -> Plan {
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
        for ((col_idx, name), idx) in (0..).zip(header::names(heading, n_columns)).zip(0..) {
            let evidence = self.columns.get(idx).unwrap_or(&blank);
            let declared = self.declared.as_ref().and_then(|declared| declared.get(&name));
            let reading = declared.unwrap_or_else(|| evidence.decide(self.is_text_file));
            let wanted = self.types.get(&name.to_lowercase()).copied();
            let is_wanted = wanted.is_some() || self.day_first.is_some();
            let reading = wanted.unwrap_or(reading).ordered(self.day_first);
            let doubt = if declared.is_some() || is_wanted { None } else { self.doubt(evidence, reading) };
            if evidence.is_filled || headed.contains(&col_idx) {
                let is_declared = declared.is_some();
                columns.push(PlannedColumn { col_idx, name, reading, is_declared, is_wanted, doubt });
            } else {
                left_out.push(col_idx);
            }
        }
        if self.structure.as_ref().is_some_and(|structure| structure.groups.is_some()) {
            let is_taken = |name: &str| columns.iter().any(|column| column.name.to_lowercase() == name);
            let name = ["group", "row_group", "group_of_rows"].into_iter().find(|name| !is_taken(name));
            columns.push(PlannedColumn {
                col_idx: GROUP,
                name: name.unwrap_or("group_of_the_rows").to_owned(),
                reading: Reading::Text,
                is_declared: false,
                is_wanted: false,
                doubt: None,
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

    fn doubt(&self, evidence: &Evidence, reading: Reading) -> Option<Doubt> {
        match reading {
            Reading::Date(_) | Reading::Timestamp(_) | Reading::TimestampTz(_) => {
                evidence.is_ambiguous().then_some(Doubt::Order)
            }
            Reading::Integer | Reading::Decimal { .. } | Reading::Double => self.leaves_commas.then_some(Doubt::Comma),
            Reading::Nothing
            | Reading::Boolean
            | Reading::Time
            | Reading::Interval
            | Reading::Text
            | Reading::TextAsTyped => None,
        }
    }
}

/// Of the first batches of a long table, those that can't be its last rows.
fn n_certain(sample: &[Batch]) -> usize {
    let mut n_behind = 0;
    for (idx, batch) in sample.iter().enumerate().rev() {
        n_behind += batch.n_rows();
        if n_behind >= HELD_ROWS {
            return if idx == 0 { sample.len() } else { idx };
        }
    }
    sample.len()
}

/// One reading of the table from its start to its end.
struct Pass<'a> {
    survey: Survey,
    out: Option<&'a Path>,
    phase: Phase,
    /// The last rows so far: whether they are notes is known once they prove to be the table's last.
    held: VecDeque<Batch>,
    n_held: usize,
}

enum Phase {
    Sampling {
        batches: Vec<Batch>,
        n_rows: usize,
    },
    Building(Box<Build>),
    Surveying,
    /// The rows are those of several tables, each of which is read by itself.
    Split(Vec<Listed>),
}

enum Finished {
    Built(Option<SheetReceipt>),
    Several(Vec<Listed>),
    Again(Survey),
}

impl<'a> Pass<'a> {
    fn new(mut survey: Survey, out: Option<&'a Path>, n_pass: usize) -> Result<Pass<'a>, ReadError> {
        let phase = match n_pass {
            0 => Phase::Sampling { batches: Vec::new(), n_rows: 0 },
            2 => {
                survey.columns.clear();
                Phase::Surveying
            }
            _ => Phase::Building(Box::new(Build::new(survey.plan(), out)?)),
        };
        Ok(Pass { survey, out, phase, held: VecDeque::new(), n_held: 0 })
    }

    fn add(&mut self, batch: Batch) -> Result<(), ReadError> {
        if let Phase::Sampling { batches, n_rows } = &mut self.phase {
            *n_rows += batch.n_rows();
            batches.push(batch);
            return if *n_rows >= SAMPLE_ROWS { self.end_sample(false) } else { Ok(()) };
        }
        self.hold(batch);
        Ok(())
    }

    fn hold(&mut self, batch: Batch) {
        if matches!(self.phase, Phase::Split(_)) {
            return;
        }
        self.n_held += batch.n_rows();
        self.held.push_back(batch);
        while let Some(first) = self.held.pop_front_if(|first| self.n_held - first.n_rows() >= HELD_ROWS) {
            self.n_held -= first.n_rows();
            self.add_rows(&first);
        }
    }

    /// `is_whole`: the sample is all there is, so that nothing stays open.
    fn end_sample(&mut self, is_whole: bool) -> Result<(), ReadError> {
        let Phase::Sampling { batches, .. } = &mut self.phase else { return Ok(()) };
        let batches = mem::take(batches);
        self.phase = Phase::Surveying;
        if self.survey.may_split {
            let rows: Vec<Row<'_>> = batches.iter().flat_map(Batch::rows).collect();
            if let Some(regions) = layout::several(&rows, &self.survey.listed) {
                self.phase = Phase::Split(regions);
                return Ok(());
            }
        }
        self.survey.open(&batches, is_whole)?;
        if !self.survey.is_open() || is_whole {
            self.phase = Phase::Building(Box::new(Build::new(self.survey.plan(), self.out)?));
            if is_whole {
                batches.iter().for_each(|batch| self.add_rows(batch));
            } else {
                batches.into_iter().for_each(|batch| self.hold(batch));
            }
        } else {
            let n_certain = n_certain(&batches);
            batches.into_iter().skip(n_certain).for_each(|batch| self.hold(batch));
        }
        Ok(())
    }

    fn add_rows(&mut self, batch: &Batch) {
        for row in batch.rows() {
            if let Phase::Building(build) = &mut self.phase {
                if build.add(row) {
                    continue;
                }
                self.phase = Phase::Surveying;
            }
            self.survey.add(row);
        }
    }

    fn finish(mut self) -> Result<Finished, ReadError> {
        self.end_sample(true)?;
        let held = mem::take(&mut self.held);
        if !held.is_empty() {
            let rows: Vec<Row<'_>> = held.iter().flat_map(Batch::rows).collect();
            if let Some(structure) = &mut self.survey.structure {
                structure.tail(&rows);
                if let Phase::Building(build) = &mut self.phase {
                    build.end_with(structure.clone());
                }
            }
            held.iter().for_each(|batch| self.add_rows(batch));
        }
        let build = match self.phase {
            Phase::Building(build) => build,
            Phase::Split(regions) => return Ok(Finished::Several(regions)),
            Phase::Sampling { .. } | Phase::Surveying => return Ok(Finished::Again(self.survey)),
        };
        let (plan, built) = build.finish()?;
        if plan.columns.is_empty() {
            return Ok(Finished::Built(None));
        }
        let told = account::told(&plan, &built);
        let columns = plan
            .columns
            .into_iter()
            .map(|column| Column { name: column.name, type_name: column.reading.column_type().to_string() });
        Ok(Finished::Built(Some(SheetReceipt {
            name: None,
            title: String::new(),
            worksheet: None,
            hidden: false,
            n_rows: built.n_rows,
            columns: columns.collect(),
            header_rows: plan.structure.header_rows,
            first_data_row: built.first_data_row,
            last_data_row: built.last_data_row,
            issues: built.tallies.issues(),
            notes: told.notes,
            column_notes: told.column_notes,
            decisions: told.decisions,
            file: None,
        })))
    }
}

impl Reading {
    /// The reading with the day or the month first in its dates, where that is said.
    fn ordered(self, day_first: Option<bool>) -> Reading {
        let order = match day_first {
            None => return self,
            Some(true) => Order::DayFirst,
            Some(false) => Order::MonthFirst,
        };
        match self {
            Reading::Date(_) => Reading::Date(order),
            Reading::Timestamp(_) => Reading::Timestamp(order),
            Reading::TimestampTz(_) => Reading::TimestampTz(order),
            Reading::Nothing
            | Reading::Boolean
            | Reading::Integer
            | Reading::Decimal { .. }
            | Reading::Double
            | Reading::Time
            | Reading::Interval
            | Reading::Text
            | Reading::TextAsTyped => self,
        }
    }
}
