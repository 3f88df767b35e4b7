//! The floor for an XLSX import: calamine's own cell reader over every worksheet, keeping nothing. `calamine_cells FILE`

use std::{env, fs::File, io::BufReader, io::Write, time::Instant};

use calamine::{DataRef, Reader, Xlsx, open_workbook};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = env::args().nth(1).ok_or("usage: calamine_cells FILE")?;
    let start = Instant::now();
    let mut workbook: Xlsx<BufReader<File>> = open_workbook(&path)?;
    let (mut n_cells, mut n_bytes) = (0_u64, 0_usize);
    for sheet in workbook.sheet_names() {
        let mut cells = workbook.worksheet_cells_reader(&sheet)?;
        while let Some(cell) = cells.next_cell()? {
            n_cells += 1;
            if let DataRef::SharedString(text) = cell.get_value() {
                n_bytes += text.len();
            }
        }
    }
    writeln!(
        std::io::stdout(),
        "{{\"cells\": {n_cells}, \"text_bytes\": {n_bytes}, \"seconds\": {:.3}}}",
        start.elapsed().as_secs_f64()
    )?;
    Ok(())
}
