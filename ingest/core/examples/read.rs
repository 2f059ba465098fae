//! Reads a file of JSON lines and prints its throughput in MB per second of processor time:
//!
//! ```text
//! cargo run --release -p illshell-ingest-core --example read -- FILE PROJECTION.json avx2|avx512|neon|portable|none [ROUNDS]
//! ```

use std::{env, error::Error, fs};

use illshell_ingest_core::{Isa, Options, Projection, Reader, Scanner, Step};

/// Nanoseconds that this thread has run.
fn processor_time() -> Result<u64, Box<dyn Error>> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let [_, file, projection, isa, rounds @ ..] = &arguments[..] else { return Err("see the source".into()) };
    let projection = Projection::from_json(&fs::read_to_string(projection)?)?;
    let isa = Isa::available().into_iter().find(|available| available.name() == isa);
    for _ in 0..rounds.first().map_or(Ok(1), |rounds| rounds.parse())? {
        let scanner = Scanner::new(&projection, &Options { isa, ..Options::default() })?;
        let (mut reader, gauges) = Reader::new(fs::File::open(file)?, scanner)?;
        let start = processor_time()?;
        let (mut rows, mut deferred) = (0, 0);
        while let Step::Batch(batch) = reader.step()? {
            rows += batch.rows.num_rows();
            deferred += batch.deferred().len();
        }
        let seconds = (processor_time()? - start) as f64 / 1e9;
        println!("{:.0} MB/s, {rows} rows, {deferred} deferred", gauges.consumed() as f64 / seconds / 1e6);
    }
    Ok(())
}
