//! JSON: one array, one object per row, values as replies have them.

use super::{Order, Table, Written, distinct_names, findings::Findings, output::Output, share};
use crate::{
    engine::{
        Engine,
        rows::{Batch, Sink},
    },
    fault::Fault,
    value::Column,
};

pub(super) fn write(
    engine: &mut Engine,
    order: &Order,
    table: &Table,
    findings: &mut Findings,
    progress: &mut dyn FnMut(f64),
) -> Result<Written, Fault> {
    let output = Output::create(order)?;
    let mut writer = Writer {
        output,
        table,
        findings,
        progress,
        columns: Vec::new(),
        names: Vec::new(),
        keys: Vec::new(),
        n_rows: 0,
        line: String::new(),
    };
    engine.stream(&table.source, &mut writer)?;
    writer.output.write(if writer.n_rows == 0 { "[]\n" } else { "\n]\n" })?;
    let written = Written::new(&table.title, writer.n_rows, &writer.columns);
    let (columns, names) = (writer.columns, writer.names);
    writer.output.finish()?;
    if written.n_rows > 0
        && order.max_bytes.is_none_or(|limit| order.target.metadata().is_ok_and(|it| it.len() <= limit))
    {
        // What the import makes of it is what it makes of it.
        for ((column, name), again) in columns.iter().zip(&names).zip(engine.json_columns(&order.target)?) {
            if again.type_name != column.type_name {
                findings.retyped(name, &column.type_name, &again.type_name);
            }
        }
    }
    Ok(written)
}

struct Writer<'a> {
    output: Output,
    table: &'a Table,
    findings: &'a mut Findings,
    progress: &'a mut dyn FnMut(f64),
    columns: Vec<Column>,
    names: Vec<String>,
    /// Each as JSON, with its colon.
    keys: Vec<String>,
    n_rows: u64,
    line: String,
}

impl Sink for Writer<'_> {
    fn begin(&mut self, columns: &[Column]) -> Result<(), Fault> {
        let names = distinct_names(columns);
        self.findings.renamed(columns, &names);
        self.columns = columns.to_vec();
        for name in &names {
            self.keys.push(serde_json::to_string(name).map_err(Fault::internal)? + ":");
        }
        self.names = names;
        Ok(())
    }

    fn rows(&mut self, batch: &Batch) -> Result<(), Fault> {
        let columns: Vec<_> = (0..self.keys.len()).filter_map(|col_idx| batch.column(col_idx)).collect();
        for row_idx in 0..batch.n_rows() {
            self.line.clear();
            self.line.push_str(if self.n_rows == 0 { "[\n{" } else { ",\n{" });
            for (col_idx, (values, key)) in columns.iter().zip(&self.keys).enumerate() {
                if col_idx > 0 {
                    self.line.push(',');
                }
                self.line.push_str(key);
                values.write_json(&mut self.line, row_idx);
            }
            self.line.push('}');
            self.n_rows += 1;
            self.output.write(&self.line)?;
        }
        (self.progress)(share(self.n_rows, self.table.n_rows));
        Ok(())
    }
}
