//! Writes a table as one Parquet file, on a thread of its own.

use std::{
    collections::HashSet,
    fs::File,
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

use arrow_array::{Array, RecordBatch, cast::AsArray};
use arrow_schema::{DataType, SchemaRef};
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::{Compression, Encoding},
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterProperties, WriterVersion},
    schema::types::ColumnPath,
};

use super::ReadError;

/// `DuckDB`'s own size of a row group.
const GROUP_ROWS: usize = 122_880;

/// Columns from which on they are written plainly: the encoders of differences begin with a megabyte each.
const MANY_COLUMNS: usize = 500;

/// Record batches under way to the writing thread.
const N_WAITING: usize = 2;

/// A file being written; batches are encoded while the caller makes the next one.
///
/// Dropped without `close`, it leaves a file that is no Parquet, and nothing that still writes to it: another may be written
/// in its place.
#[derive(Debug)]
pub(super) struct Writer {
    /// None once there are no more batches.
    sender: Option<SyncSender<Part>>,
    thread: Option<JoinHandle<Result<(), ParquetError>>>,
}

/// What the writing thread gets. Without an end, the file is not wanted.
#[derive(Debug)]
enum Part {
    Rows(RecordBatch),
    End,
}

impl Writer {
    pub(super) fn create(path: &Path, schema: SchemaRef) -> Result<Writer, ReadError> {
        let file = File::create(path)?;
        let (sender, receiver) = sync_channel(N_WAITING);
        let thread =
            thread::Builder::new().name("parquet".to_owned()).spawn(move || write(file, &schema, &receiver))?;
        Ok(Writer { sender: Some(sender), thread: Some(thread) })
    }

    /// Whether the writing thread still takes batches; if not, `close` says why.
    pub(super) fn write(&self, batch: RecordBatch) -> bool {
        self.sender.as_ref().is_some_and(|sender| sender.send(Part::Rows(batch)).is_ok())
    }

    pub(super) fn close(mut self) -> Result<(), ReadError> {
        if let Some(sender) = self.sender.take() {
            // Where the thread takes no more, it says why.
            let _ = sender.send(Part::End);
        }
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Ok(()))) | None => Ok(()),
            Some(Ok(Err(error))) => Err(std::io::Error::other(error).into()),
            Some(Err(_)) => Err(std::io::Error::other("the Parquet writer panicked").into()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // Nobody wants what it has written.
            let _ = thread.join();
        }
    }
}

fn write(file: File, schema: &SchemaRef, receiver: &Receiver<Part>) -> Result<(), ParquetError> {
    let (first, mut is_at_end) = match receiver.recv() {
        Ok(Part::Rows(first)) => (first, false),
        Ok(Part::End) => (RecordBatch::new_empty(schema.clone()), true),
        Err(_) => return Ok(()),
    };
    let options = ArrowWriterOptions::new().with_properties(properties(&first)).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(file, schema.clone(), options)?;
    writer.write(&first)?;
    drop(first);
    while !is_at_end {
        match receiver.recv() {
            Ok(Part::Rows(batch)) => writer.write(&batch)?,
            Ok(Part::End) => is_at_end = true,
            Err(_) => return Ok(()),
        }
    }
    writer.close()?;
    Ok(())
}

/// The first rows say which columns a dictionary is worth its hashing for.
fn properties(first: &RecordBatch) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::LZ4_RAW)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    if first.num_columns() >= MANY_COLUMNS {
        return properties.set_encoding(Encoding::PLAIN).set_dictionary_enabled(false).build();
    }
    for (field, column) in first.schema().fields().iter().zip(first.columns()) {
        let path = ColumnPath::new(vec![field.name().clone()]);
        // The version's default for strings, DELTA_BYTE_ARRAY, is slow to write and to read.
        if field.data_type() == &DataType::Utf8 {
            properties = properties.set_column_encoding(path.clone(), Encoding::DELTA_LENGTH_BYTE_ARRAY);
        }
        properties = properties.set_column_dictionary_enabled(path, repeats(column.as_ref()));
    }
    properties.build()
}

/// Whether at least half of the values were seen before.
fn repeats(column: &dyn Array) -> bool {
    let n_values = column.len() - column.null_count();
    let n_distinct = if let Some(strings) = column.as_string_opt::<i32>() {
        strings.iter().flatten().collect::<HashSet<_>>().len()
    } else {
        let values = column.to_data();
        let Some(buffer) = values.buffers().first() else { return true };
        let width = buffer.len().checked_div(column.len()).unwrap_or(0);
        if width < 4 {
            return true;
        }
        buffer.chunks_exact(width).collect::<HashSet<_>>().len()
    };
    n_distinct <= n_values / 2
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Date32Array, StringArray};

    use super::*;

    fn batch(column: ArrayRef) -> RecordBatch {
        RecordBatch::try_from_iter([("day", column)]).unwrap()
    }

    fn written(path: &Path, batch: RecordBatch) -> Vec<u8> {
        let writer = Writer::create(path, batch.schema()).unwrap();
        assert!(writer.write(batch));
        writer.close().unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn what_was_given_up_writes_nothing_into_what_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        let dates = batch(Arc::new(Date32Array::from(vec![1, 2])));
        let texts = batch(Arc::new(StringArray::from(vec!["1850-05-01", "03/04/2024"])));
        let expected = written(&path, texts.clone());
        for _ in 0..100 {
            let given_up = Writer::create(&path, dates.schema()).unwrap();
            assert!(given_up.write(dates.clone()));
            drop(given_up);
            assert!(written(&path, texts.clone()) == expected);
        }
    }
}
