//! From one table's rows to typed columns and a receipt: in one pass over the file where one will do.
//!
//! The first rows decide the plan. Rows are then built strictly by it, and the first cell that does not fit ends
//! building: from there on only evidence is collected, and a second pass builds by the plan of all the evidence.
//! That evidence is as good as complete, because every row between fitted the first plan. Where the second plan fails
//! all the same, a third pass takes the evidence of all rows, and a fourth builds by it.

use std::{
    collections::VecDeque,
    mem,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, mpsc::sync_channel},
    thread,
};

use super::{
    Limits, Options, ReadError, Table, account,
    build::{Build, Known},
    cell::{Batch, Row},
    fixes::SheetFix,
    layout::{self, Listed, Watch},
    receipt::SheetReceipt,
    survey::{HELD_ROWS, Survey, n_certain},
    window::Kept,
};
use crate::value::{Column, ColumnType};

/// Rows that decide the first plan.
const SAMPLE_ROWS: usize = 20_000;

/// Cells that are kept while a file proves to be many tables.
const MAX_KEPT: usize = 2_000_000;

/// Batches under way from the reading thread.
const N_WAITING: usize = 4;

/// More passes are needed only if the file changes under us.
const MAX_PASSES: usize = 4;

/// What one import may still use up, over all the file's tables.
pub(super) struct Budget<'a> {
    pub(super) limits: &'a Limits,
    pub(super) n_cells: u64,
}

/// What became of a table.
pub(super) enum Read {
    Sheet(Box<SheetReceipt>),
    /// It has no cell.
    Empty,
    /// It is several, and none was read: where they lie, and their rows if those are not too many.
    Several(Vec<Listed>, Option<Arc<Kept>>),
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
    let is_listed = table.header_row.is_some() && options.header_row.is_none() && fix.header_rows.is_none();
    if let Some(header_row) = table.header_row.filter(|_| options.header_row.is_none()) {
        fix.header_rows.get_or_insert(vec![header_row]);
    }
    let fresh = || {
        let mut survey = Survey::new(options, &fix, table.source.as_ref());
        survey.fixed.totals_row = table.totals_row;
        survey.fixed.is_listed = is_listed;
        survey
    };
    let declared =
        table.source.declared().filter(|_| options.header_row.is_none() && fix == SheetFix::default()).cloned();
    let mut behind = 0.0;
    let may_split =
        table.worksheet.is_none() && !table.is_bounded && declared.is_none() && options.header_row.is_none();
    let mut survey = fresh();
    (survey.declared, survey.may_split) = (declared, may_split);
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
                    Read::Sheet(Box::new(SheetReceipt {
                        title,
                        worksheet,
                        hidden: table.hidden,
                        file: out,
                        ..*receipt
                    }))
                }));
            }
            Finished::Several(regions, kept) => return Ok(Read::Several(regions, kept)),
            // Rows that suited what the file said are not in the evidence: it is gathered from the start.
            Finished::Again(evidence) if evidence.declared.is_some() => survey = fresh(),
            Finished::Again(evidence) => {
                survey = *evidence;
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

/// One reading of the table from its start to its end.
struct Pass<'a> {
    survey: Survey,
    out: Option<&'a Path>,
    idx: usize,
    phase: Phase,
    /// The last rows so far: whether they are notes is known once they prove to be the table's last.
    held: VecDeque<Batch>,
    n_held: usize,
    /// Looks for tables that begin behind the first rows.
    watch: Option<Watch>,
}

enum Phase {
    Sampling {
        batches: Vec<Batch>,
        n_rows: usize,
    },
    Building(Box<Build>),
    Surveying,
    /// The rows are those of several tables, each of which is read by itself.
    Split {
        regions: Vec<Listed>,
        /// All rows so far, unless those are too many.
        batches: Option<Vec<Batch>>,
        n_cells: usize,
    },
}

enum Finished {
    Built(Option<Box<SheetReceipt>>),
    Several(Vec<Listed>, Option<Arc<Kept>>),
    Again(Box<Survey>),
}

impl<'a> Pass<'a> {
    fn new(mut survey: Survey, out: Option<&'a Path>, n_pass: usize) -> Result<Pass<'a>, ReadError> {
        let phase = match n_pass {
            0 => Phase::Sampling { batches: Vec::new(), n_rows: 0 },
            2 => {
                survey.columns.clear();
                Phase::Surveying
            }
            _ => {
                let mut build = Build::new(survey.plan(), out)?;
                build.meet(if n_pass == 1 { Known::Unknown } else { Known::Finally });
                Phase::Building(Box::new(build))
            }
        };
        Ok(Pass { survey, out, idx: n_pass, phase, held: VecDeque::new(), n_held: 0, watch: None })
    }

    fn add(&mut self, batch: Batch) -> Result<(), ReadError> {
        if let Phase::Sampling { batches, n_rows } = &mut self.phase {
            *n_rows += batch.n_rows();
            batches.push(batch);
            return if *n_rows >= SAMPLE_ROWS { self.end_sample(false) } else { Ok(()) };
        }
        if let Some(watch) = &mut self.watch {
            batch.rows().for_each(|row| watch.add(row));
        }
        self.hold(batch);
        Ok(())
    }

    fn hold(&mut self, batch: Batch) {
        if let Phase::Split { batches, n_cells, .. } = &mut self.phase {
            *n_cells += batch.n_filled();
            if *n_cells > MAX_KEPT {
                *batches = None;
            }
            if let Some(batches) = batches {
                batches.push(batch);
            }
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
                let n_cells = batches.iter().map(Batch::n_filled).sum();
                self.phase = Phase::Split { regions, batches: Some(batches), n_cells };
                return Ok(());
            }
            self.watch = (!is_whole).then(|| Watch::over(&rows));
        }
        self.survey.open(&batches, is_whole)?;
        if !self.survey.is_open() || is_whole {
            self.phase = Phase::Building(Box::new(Build::new(self.survey.plan(), self.out)?));
            if is_whole {
                for batch in &batches {
                    self.add_rows(batch);
                }
            } else {
                for batch in batches {
                    self.hold(batch);
                }
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
                if self.idx == 0 && row.number > self.survey.last_known {
                    build.meet(Known::Unknown);
                }
                if build.add(row, &mut self.survey.columns) {
                    continue;
                }
                self.phase = Phase::Surveying;
            }
            self.survey.add(row);
        }
    }

    fn finish(mut self) -> Result<Finished, ReadError> {
        self.end_sample(true)?;
        if let Some(regions) = self.watch.take().and_then(Watch::end) {
            return Ok(Finished::Several(regions, None));
        }
        let held = mem::take(&mut self.held);
        if !held.is_empty() {
            let rows: Vec<Row<'_>> = held.iter().flat_map(Batch::rows).collect();
            if let Some(structure) = &mut self.survey.structure {
                structure.tail(&rows);
                if let Phase::Building(build) = &mut self.phase {
                    build.end_with(structure.clone());
                }
            }
            for batch in &held {
                self.add_rows(batch);
            }
        }
        let build = match self.phase {
            Phase::Building(build) => build,
            Phase::Split { regions, batches: None, .. } => return Ok(Finished::Several(regions, None)),
            Phase::Split { batches: Some(batches), .. } => {
                let rows: Vec<Row<'_>> = batches.iter().flat_map(Batch::rows).collect();
                let regions = layout::several(&rows, &self.survey.listed).unwrap_or_default();
                return Ok(Finished::Several(regions, Some(Arc::new(Kept::new(batches)))));
            }
            Phase::Sampling { .. } | Phase::Surveying => return Ok(Finished::Again(Box::new(self.survey))),
        };
        let (plan, built) = build.finish()?;
        if plan.columns.is_empty() {
            return Ok(Finished::Built(None));
        }
        let told = account::told(&plan, &built);
        let columns = plan.columns.into_iter().flat_map(|column| {
            let raw = column.raw.map(|name| Column { name, type_name: ColumnType::Text.to_string() });
            let type_name = column.verdict.reading.column_type().to_string();
            [Some(Column { name: column.name, type_name }), raw].into_iter().flatten()
        });
        Ok(Finished::Built(Some(Box::new(SheetReceipt {
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
        }))))
    }
}
