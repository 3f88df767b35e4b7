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

/// Record batches under way to the writing thread.
const N_WAITING: usize = 2;

/// A file being written; batches are encoded while the caller makes the next one.
#[derive(Debug)]
pub(super) struct Writer {
    sender: SyncSender<RecordBatch>,
    thread: JoinHandle<Result<(), ParquetError>>,
}

impl Writer {
    pub(super) fn create(path: &Path, schema: SchemaRef) -> Result<Writer, ReadError> {
        let file = File::create(path)?;
        let (sender, receiver) = sync_channel(N_WAITING);
        let thread =
            thread::Builder::new().name("parquet".to_owned()).spawn(move || write(file, &schema, &receiver))?;
        Ok(Writer { sender, thread })
    }

    /// Whether the writing thread still takes batches; if not, `close` says why.
    pub(super) fn write(&self, batch: RecordBatch) -> bool {
        self.sender.send(batch).is_ok()
    }

    pub(super) fn close(self) -> Result<(), ReadError> {
        drop(self.sender);
        match self.thread.join() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(std::io::Error::other(error).into()),
            Err(_) => Err(std::io::Error::other("the Parquet writer panicked").into()),
        }
    }
}

fn write(file: File, schema: &SchemaRef, receiver: &Receiver<RecordBatch>) -> Result<(), ParquetError> {
    let first = receiver.recv().unwrap_or_else(|_| RecordBatch::new_empty(schema.clone()));
    let options = ArrowWriterOptions::new().with_properties(properties(&first)).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(file, schema.clone(), options)?;
    writer.write(&first)?;
    drop(first);
    for batch in receiver {
        writer.write(&batch)?;
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
